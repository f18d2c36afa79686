"""Workflow commands: lines of a job's log that GitHub shows at the lines of the code."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from attnprobe.records import BudgetResult, Finding, Location, Scan
from attnprobe.report.judged import budgets
from attnprobe.report.judged.findings import is_failing, remedy, what_fails_first
from attnprobe.report.judged.places import location_of, path_of, place_of_origin
from attnprobe.report.judged.plain import heading, sentence, told
from attnprobe.report.parts.catalogue import Words, both, check_language, join, say
from attnprobe.report.parts.safe_text import safe

SHOWN = 10  # of each level: GitHub shows no more of a step

# The older form of a command is obeyed anywhere in a line.
_OLDER_COMMAND = re.compile(r"##(?=\[|vso\[)")


@dataclass(frozen=True, slots=True)
class _Annotation:
    level: str  # "error", "warning", "notice"
    location: Location | None
    title: Words
    message: Words


def workflow_commands(scan: Scan, language: str) -> str:
    """One command per line, errors first; the last line says how many more there are."""
    check_language(language)
    lines: list[str] = []
    left_out = 0
    made = tuple(_made(scan))
    for level in ("error", "warning", "notice"):
        fitting = [each for each in made if each.level == level]
        lines += [_command(each, language) for each in fitting[:SHOWN]]
        left_out += max(0, len(fitting) - SHOWN)
    if left_out:
        lines.append(f"attnprobe: {told(say('gate.annotations_cut', count=left_out), language)}")
    return "".join(f"{line}\n" for line in lines)


def _made(scan: Scan) -> Iterator[_Annotation]:
    for budget in scan.budgets:
        if budget.is_met is False:
            yield _of_budget(scan, budget)
    for finding in what_fails_first(scan.findings):
        yield _of_finding(scan, finding)


def _of_finding(scan: Scan, finding: Finding) -> _Annotation:
    helps = remedy(scan, finding)
    message = join((sentence(finding), helps), "list.newline") if both(helps).en else sentence(finding)
    return _Annotation(_level(scan, finding), location_of(scan, finding), heading(scan, finding), message)


def _level(scan: Scan, finding: Finding) -> str:
    """What fails the check is an error, and nothing else is; what the baseline knows is a notice."""
    if is_failing(scan, finding):
        return "error"
    return "notice" if finding.severity == "info" or finding.state == "known" else "warning"


def _of_budget(scan: Scan, budget: BudgetResult) -> _Annotation:
    level = "error" if budgets.is_failing(budget) else "warning"
    message = join((budgets.state(scan, budget), budgets.remedy(budget)), "list.newline")
    return _Annotation(level, place_of_origin(budget.origin), say("gate.budget"), message)


def _command(annotation: _Annotation, language: str) -> str:
    given = [*_place(annotation.location), ("title", told(annotation.title, language))]
    properties = ",".join(f"{name}={_property(value)}" for name, value in given)
    return f"::{annotation.level} {properties}::{_data(told(annotation.message, language))}"


def _place(location: Location | None) -> Iterator[tuple[str, str]]:
    """File, lines, and columns where the expression stands on one line."""
    if location is None:
        return
    yield "file", safe(path_of(location.file), 1000)
    if location.line < 1:
        return
    yield "line", str(location.line)
    last = location.end_line
    if last is not None and last >= location.line:
        yield "endLine", str(last)
    if location.column is not None and location.column >= 1 and last in (None, location.line):
        yield "col", str(location.column)
        if location.end_column is not None and location.end_column > location.column:
            yield "endColumn", str(location.end_column)


def _data(text: str) -> str:
    """The escapes of a command's message, after that of the older form."""
    without = _OLDER_COMMAND.sub(r"#\\x23", text)
    return without.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    """Those of a property: a colon would end it, a comma would start the next."""
    return _data(text).replace(":", "%3A").replace(",", "%2C")
