"""GitHub's workflow commands and GitLab's Code Quality: exact escapes, limits, fingerprints."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from judged_findings import heads_finding, mask_finding, model_finding
from judged_scans import judged_scan, many_findings, passed_scan, renamed_judged_scan
from sample_scans import empty_scan, gpt_scan

from attnprobe.records import Location
from attnprobe.report.annotations.github import workflow_commands
from attnprobe.report.annotations.gitlab import code_quality

SCHEMA = json.loads((Path(__file__).parent / "schemas" / "gitlab-code-quality.schema.json").read_text())
COMMAND = re.compile(r"::(error|warning|notice) ([^:]*)::(.*)")


def parsed(line):
    """Level, properties and message, as the runner reads a command."""
    level, properties, message = COMMAND.fullmatch(line).groups()
    given = dict(each.split("=", 1) for each in properties.split(","))
    for escape, sign in (("%2C", ","), ("%3A", ":"), ("%0A", "\n"), ("%0D", "\r"), ("%25", "%")):
        given = {name: value.replace(escape, sign) for name, value in given.items()}
    for escape, sign in (("%0A", "\n"), ("%0D", "\r"), ("%25", "%")):
        message = message.replace(escape, sign)
    return level, given, message


def lines(scan, language="en"):
    return workflow_commands(scan, language).splitlines()


def only(finding):
    return replace(judged_scan(), findings=(finding,), budgets=())


def quality(scan):
    entries = json.loads(code_quality(scan, "en"))
    Draft202012Validator(SCHEMA).validate(entries)
    return entries


def test_a_finding_stands_at_its_lines_and_columns():
    (line,) = lines(only(mask_finding()))
    assert line == (
        "::error file=model.py,line=41,endLine=41,col=18,endColumn=47,"
        "title=AP105 A mask value that is unsafe in the dtype"
        "::blocks.{0..23}.attn: the mask constant −1e9 overflows in float16"
        "%0AUse torch.finfo(dtype).min as the mask value. (exact)"
    )


def test_columns_are_left_out_where_the_lines_differ():
    (line,) = lines(only(heads_finding()))
    _, given, _ = parsed(line)
    assert (given["line"], given["endLine"]) == ("7", "9")
    assert "col" not in given
    assert given["file"] == "layers/注意力 block.py"


def test_signs_that_end_a_property_are_escaped():
    odd = replace(mask_finding(), location=Location("a,b:c%d.py", 3, "f"), message="100 %: x, y", messages={})
    (line,) = lines(only(odd))
    assert "file=a%2Cb%3Ac%25d.py,line=3," in line
    assert "::blocks" not in line.split("title=")[0]
    level, given, message = parsed(line)
    assert (level, given["file"]) == ("error", "a,b:c%d.py")
    assert "100 %: x, y" in message


def test_what_fails_the_check_is_an_error_and_nothing_else_is():
    levels = {given["title"].split(" ")[0]: level for level, given, _ in map(parsed, lines(judged_scan()))}
    assert levels == {
        "budget": "error",
        "AP105": "error",
        "AP901": "error",
        "AP302": "warning",
        "AP301": "warning",
        "AP601": "notice",
        "ACME1": "notice",
        "AP207": "notice",
    }


def test_a_broken_budget_stands_at_its_line_of_the_configuration():
    _, given, message = parsed(lines(judged_scan())[0])
    assert (given["file"], given["line"]) == ("pyproject.toml", "31")
    assert message.startswith("FLOPs, forward 1.53 TF > 1.47 TF (+6.1 %; budget +2%)\n")


def test_github_shows_ten_of_each_level_and_the_rest_is_counted():
    shown = lines(many_findings(25))
    # 25 warnings and the budget that is broken: 10 warnings, 1 error, and a line about the other 15
    assert sum(line.startswith("::warning ") for line in shown) == 10
    assert sum(line.startswith("::error ") for line in shown) == 1
    assert shown[-1] == "attnprobe: 15 more findings and budgets are in the job summary and the report"


def test_a_scan_without_findings_prints_nothing():
    for scan in (passed_scan(), gpt_scan(), empty_scan()):
        assert workflow_commands(scan, "en") == ""


@pytest.mark.parametrize(
    "name", ["::error::fake", "a\n::error::fake", "a\r::stop-commands::x", "##[error]fake"]
)
def test_a_name_starts_no_command_of_its_own(name):
    for line in lines(renamed_judged_scan(name)):
        assert COMMAND.fullmatch(line) or line.startswith("attnprobe: ")
        assert "##[" not in line
        assert not re.search("[\r\n]", line)


def test_an_entry_of_gitlab_has_its_place():
    entry = quality(judged_scan())[0]
    assert entry["check_name"] == "AP105 mask-value-unsafe-in-dtype"
    assert entry["location"] == {"path": "model.py", "lines": {"begin": 41}}
    assert entry["description"].startswith(
        "AP105 A mask value that is unsafe in the dtype: blocks.{0..23}.attn"
    )


def test_severities_of_gitlab_follow_the_gate_and_the_precision():
    severities = {entry["check_name"].split(" ")[0]: entry["severity"] for entry in quality(judged_scan())}
    assert severities == {"AP105": "blocker", "AP901": "blocker", "AP302": "major", "AP301": "major",
                          "AP601": "minor", "ACME1": "info", "AP207": "info"}  # fmt: skip
    (entry,) = quality(only(replace(mask_finding(), is_blocking=False)))
    assert entry["severity"] == "critical"


def test_fingerprints_are_unique_and_stay_when_lines_move():
    twice = replace(judged_scan(), findings=(mask_finding(), replace(mask_finding(), location=None)))
    first, second = (entry["fingerprint"] for entry in quality(twice))
    assert first != second
    moved = replace(mask_finding(), location=Location("model.py", 99, "forward"))
    assert quality(only(moved))[0]["fingerprint"] == first


def test_a_finding_without_any_file_stands_at_the_name_of_the_target():
    scan = only(model_finding())
    scan = replace(scan, model=replace(scan.model, target="hf:llama"),
                   judgement=replace(scan.judgement, origins=()))  # fmt: skip
    assert quality(scan)[0]["location"] == {"path": "hf:llama", "lines": {"begin": 1}}


def test_ignored_findings_are_not_in_the_list():
    assert not {"AP202", "AP205"} & {entry["check_name"].split(" ")[0] for entry in quality(judged_scan())}
    assert quality(passed_scan()) == []
