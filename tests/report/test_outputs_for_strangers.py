"""Every output of a check, given what a stranger may put into a model, a pack of rules or a saved scan.

Nothing that a name says is obeyed, and nothing of the machine is told: no folder, no user, no secret.
"""

import json
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from pathlib import Path

import pytest
from hostile_names import HOSTILE_NAMES
from jsonschema import Draft202012Validator
from judged_findings import mask_finding
from judged_scans import judged_scan, renamed_judged_scan

from attnprobe.records import Location
from attnprobe.registry import discover
from attnprobe.scan_file import dump

FORMATS = ("sarif", "junit", "github", "gitlab", "markdown", "text")
SCHEMAS = {
    name: json.loads((Path(__file__).parent / "schemas" / f"{file}.schema.json").read_text())
    for name, file in (("sarif", "sarif-written"), ("gitlab", "gitlab-code-quality"))
}
HOME = "/home/alice.secret/work"
SECRETS = [f"sk-canary-{number:04d}-value" for number in range(20)]

NAMES = (  # further ones: longer than a comment may be, empty, paths, ends of links, control signs
    *HOSTILE_NAMES,
    *("x" * 65_537, "", " ", ".", "..", "/etc/passwd", "]] ] ](1)", "\x7f\x80\x9b", "\u200d\u2066"),
)
STEERING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff\ufffe]")

reports = discover("attnprobe.report", "report", suffix="_report")


def rendered(name, scan, language="en"):
    return reports[name].value.render(scan, language).decode("utf-8")


def texts_in(value):
    """Every string of a JSON document, keys included."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from texts_in(item)
    elif isinstance(value, list):
        for item in value:
            yield from texts_in(item)


def words_of(name, output):
    """The text that a reader of a format sees."""
    if name in ("sarif", "gitlab"):
        return "\n".join(texts_in(json.loads(output)))
    if name == "junit":
        tree = ElementTree.fromstring(output.encode())
        return "\n".join(text for each in tree.iter() for text in (each.text or "", *each.attrib.values()))
    return output


@pytest.mark.parametrize("format_name", FORMATS)
@pytest.mark.parametrize("name", NAMES, ids=lambda name: ascii(name)[:24])
def test_no_output_holds_an_invisible_or_steering_character(format_name, name):
    scan = renamed_judged_scan(name)
    for language in ("en", "zh"):
        shown = words_of(format_name, rendered(format_name, scan, language))
        assert not STEERING.search(shown)
        assert len(shown) < 200_000


@pytest.mark.parametrize("format_name", SCHEMAS)
@pytest.mark.parametrize("name", NAMES, ids=lambda name: ascii(name)[:24])
def test_json_stays_valid_whatever_the_names(format_name, name):
    document = json.loads(rendered(format_name, renamed_judged_scan(name)))
    Draft202012Validator(SCHEMAS[format_name]).validate(document)


@pytest.mark.parametrize("name", NAMES, ids=lambda name: ascii(name)[:24])
def test_a_log_that_shows_any_output_obeys_no_command(name):
    for format_name in ("github", "text"):
        for line in rendered(format_name, renamed_judged_scan(name)).split("\n"):
            ours = format_name == "github" and re.match(r"::(error|warning|notice) [^:]*::", line)
            assert ours or not re.match(r"\s*::", line)
            assert not re.search(r"##(\[|vso\[)", line)


def test_the_text_of_a_rule_cannot_link_or_run_anything():
    trap = {"en": "[click](javascript:alert(1)) <script>alert(1)</script> ![](http://beacon.example)"}
    scan = judged_scan()
    card = replace(scan.rules["AP105"], title=trap, why=trap, how=trap, wrong_when=trap,
                   references=("javascript:alert(1)", trap["en"]))  # fmt: skip
    found = replace(mask_finding(), messages=trap)
    scan = replace(scan, rules={**scan.rules, "AP105": card}, findings=(found,))
    rule = json.loads(rendered("sarif", scan))["runs"][0]["tool"]["driver"]["rules"][1]
    assert "helpUri" not in rule
    assert "<script" not in rule["help"]["markdown"]
    assert "](" not in rule["help"]["text"]
    comment = rendered("markdown", scan)
    assert "<script" not in comment
    assert not re.search(r"(?<!\\)\]\(", comment)


def private_scan():
    """A scan as somebody's machine may have filled it: absolute paths wherever a path can stand."""
    scan = judged_scan()
    place = Location(f"{HOME}/model.py", 41, "forward")
    found = tuple(
        replace(each, location=each.location and place,
                instances=tuple(replace(one, location=place) for one in each.instances))
        for each in scan.findings
    )  # fmt: skip
    assert scan.judgement is not None
    return replace(
        scan,
        findings=found,
        model=replace(scan.model, target=f"{HOME}/model.py:build", entry=f"{HOME}/model.py:build()"),
        workload=replace(scan.workload, settings={"command": "attnprobe scan model.py:build"}),
        ignored=tuple(replace(each, origin=f"{HOME}/pyproject.toml:31") for each in scan.ignored),
        budgets=tuple(replace(each, origin=f"{HOME}/pyproject.toml:31") for each in scan.budgets),
        comparison=replace(scan.comparison, base=f"{HOME}/base.json", head=f"{HOME}/head.json"),
        judgement=replace(scan.judgement, baseline=f"{HOME}/attnprobe-baseline.json (2026-10-02)",
                          origins=(f"{HOME}/pyproject.toml",)),
    )  # fmt: skip


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("format_name", FORMATS)
def test_no_output_tells_a_folder_of_the_machine_or_a_secret(format_name, language, monkeypatch):
    for number, secret in enumerate(SECRETS):
        monkeypatch.setenv(f"CANARY_{number}_TOKEN", secret)
    monkeypatch.setenv("HOME", HOME)
    output = rendered(format_name, private_scan(), language)
    assert "alice" not in output
    assert not any(secret in output for secret in SECRETS)
    assert not re.search(r"(?<![\w:/.\\])/(?:home|root|tmp|work|usr)/", output)


@pytest.mark.parametrize("format_name", FORMATS)
def test_one_scan_makes_one_output(format_name):
    assert rendered(format_name, judged_scan()) == rendered(format_name, judged_scan())


def test_all_of_them_come_from_one_saved_scan_in_one_run(tmp_path):
    (tmp_path / "scan.json").write_text(dump(judged_scan()))
    asked = [word for name in FORMATS for word in ("--output", f"{name}={name}.out")]
    command = [sys.executable, "-m", "attnprobe", "render", "scan.json", *asked, "--lang", "zh"]
    subprocess.run(command, cwd=tmp_path, check=True)
    for name in FORMATS:
        assert (tmp_path / f"{name}.out").read_text(encoding="utf-8") == rendered(name, judged_scan(), "zh")


def test_every_format_is_registered_with_a_title_and_a_suffix():
    for name in FORMATS:
        assert reports[name].value.title
        assert reports[name].value.suffix.startswith(".")
