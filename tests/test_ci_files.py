"""What other people's CI takes from this repository: the action, the hooks, the jobs of the guides."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from attnprobe.commands.outputs.rendered import report_formats
from attnprobe.commands.terminal.program import program
from attnprobe.report.markdown_report import report
from tests.report.sample_scans import gpt_scan

ROOT = Path(__file__).resolve().parent.parent
ACTION = yaml.safe_load((ROOT / "action.yml").read_text())
HOOKS = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
GITHUB = [
    yaml.safe_load((ROOT / "docs/ci" / name).read_text())
    for name in ("github-check.yml", "github-comment.yml")
]
GITLAB = yaml.safe_load((ROOT / "docs/ci/gitlab.yml").read_text())


def steps_of(workflow: dict[str, Any]) -> list[dict[str, Any]]:
    return [step for job in workflow["jobs"].values() for step in job["steps"]]


def test_inputs_of_the_action_never_become_text_of_a_script() -> None:
    scripts = [step["run"] for step in ACTION["runs"]["steps"] if "run" in step]
    assert scripts
    assert not any("${{" in script for script in scripts)


def test_the_action_asks_for_formats_and_options_that_exist() -> None:
    script = next(step["run"] for step in ACTION["runs"]["steps"] if step.get("id") == "check")
    formats = re.search(r"for format in (.*?); do", script)
    assert formats
    assert {each.partition(":")[0] for each in formats[1].split()} <= set(report_formats())
    group = program()
    context = click.Context(group)
    for verb in ("check", "diff"):
        command = group.get_command(context, verb)
        assert command
        known = {name for parameter in command.params for name in parameter.opts}
        wanted = {"--fail-on", "--baseline", "--output", "--lang"} | ({"--base"} if verb == "diff" else set())
        assert wanted <= known


@pytest.mark.parametrize("hook", HOOKS, ids=lambda hook: hook["id"])
def test_a_hook_runs_a_command_with_options_that_it_has(hook: dict[str, Any]) -> None:
    name, *words = hook["entry"].split()
    assert name == "attnprobe"
    found: click.Command | None = program()
    while isinstance(found, click.Group) and words:
        found = found.get_command(click.Context(found), words.pop(0))
    assert found
    known = {option for parameter in found.params for option in parameter.opts}
    assert {word for word in words if word.startswith("-")} <= known


def test_the_job_that_runs_foreign_code_may_only_read() -> None:
    check = GITHUB[0]
    assert check["permissions"] == {"contents": "read"}
    assert "pull_request_target" not in check[True]  # YAML 1.1 reads `on` as true
    checkout = next(step for step in steps_of(check) if step.get("uses", "").startswith("actions/checkout"))
    assert checkout["with"]["persist-credentials"] is False
    assert not any("secrets." in str(step) for step in steps_of(check))


def test_the_job_that_may_write_runs_no_foreign_code() -> None:
    comment = GITHUB[1]
    assert comment["permissions"]["pull-requests"] == "write"
    assert not any("checkout" in step.get("uses", "") or "run" in step for step in steps_of(comment))


def test_the_comment_starts_with_the_marker_that_the_other_workflow_asks_for() -> None:
    script = next(step["with"]["script"] for step in steps_of(GITHUB[1]) if "script" in step.get("with", {}))
    pattern = re.search(r"if \(!/(\^.*?\$)/\.test\(marker\)\)", script)
    assert pattern
    marker = report.render(gpt_scan(), "en").decode().split("\n", 1)[0]
    assert re.fullmatch(pattern[1].replace("\\/", "/"), marker)


def test_gitlab_gets_the_reports_that_the_job_writes() -> None:
    job = GITLAB[".attnprobe"]
    written = re.findall(r"--output (\w+)=(\S+)", " ".join(job["script"]))
    assert {name for name, _ in written} <= set(report_formats())
    paths = {path for _, path in written}
    assert set(job["artifacts"]["reports"].values()) <= paths
    assert set(job["artifacts"]["paths"]) <= paths
