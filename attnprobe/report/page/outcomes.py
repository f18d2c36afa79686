"""Findings of the rules and trials of replacements, where the scan holds any."""

from __future__ import annotations

from dataclasses import dataclass

from attnprobe.records import Finding, Saving, Scan, Trial
from attnprobe.report.page.elements import Column, Table, rows_left_out
from attnprobe.report.parts.catalogue import Text, Words, join, say
from attnprobe.report.parts.names import metric_title, names, shown, signed_percent
from attnprobe.report.parts.quantities import UNKNOWN, plain
from attnprobe.report.parts.safe_text import safe

SHOWN = 200
_RANK = {"error": 0, "warning": 1, "info": 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One finding."""

    anchor: str
    severity: str  # class of the badge
    badge: Text
    rule: str
    name: str
    message: str
    sites: Words
    location: str
    evidence: tuple[tuple[Words, str], ...]
    savings: tuple[Text, ...]
    suggestions: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """The section."""

    cards: tuple[Card, ...]
    note: Words


def findings(scan: Scan) -> Findings:
    """All findings, errors first."""
    ordered = sorted(scan.findings, key=lambda each: _RANK[each.severity])
    cards = tuple(_card(scan, each, f"f{number}") for number, each in enumerate(ordered[:SHOWN], start=1))
    note = rows_left_out(SHOWN, len(ordered))
    return Findings(cards=cards, note=note)


def trials(scan: Scan) -> Table | None:
    """What was tried, with what was predicted beside what was measured."""
    if not scan.trials:
        return None
    keys = ("column.output_drift", "column.gradient_drift", "column.time_ratio", "column.memory_ratio")
    columns = (
        Column(say("column.site"), "code"),
        Column(say("column.replacement"), "code"),
        Column(say("column.replacement_kind")),
        *(Column(say(key), "number") for key in keys),
        Column(say("column.predicted")),
    )
    rows = tuple(_trial(scan, trial) for trial in scan.trials[:SHOWN])
    note = rows_left_out(SHOWN, len(scan.trials))
    return Table(caption=say("trials.title"), columns=columns, rows=rows, note=note)


def _card(scan: Scan, finding: Finding, anchor: str) -> Card:
    return Card(
        anchor=anchor,
        severity=finding.severity,
        badge=say(f"severity.{finding.severity}"),
        rule=safe(finding.rule),
        name=safe(finding.name),
        message=safe(finding.message, 2000),
        sites=names(finding.sites),
        location=safe(str(finding.location)) if finding.location else "",
        evidence=tuple(
            (metric_title(scan, name), shown(scan, name, value))
            for name, value in sorted(finding.evidence.items())
            if isinstance(value, int | float)
        ),
        savings=tuple(_saving(scan, saving) for saving in finding.savings),
        suggestions=tuple(safe(way.change.get("en", way.name), 1000) for way in finding.suggestions),
    )


def _saving(scan: Scan, saving: Saving) -> Text:
    return say(
        "saving",
        metric=metric_title(scan, saving.metric),
        local=shown(scan, saving.metric, saving.amount),
        of_model=signed_percent(-saving.of_model),
        status=say(f"status.{saving.status}"),
        formula=safe(saving.formula, 500),
    )


def _trial(scan: Scan, trial: Trial) -> tuple[Words, ...]:
    options = ",".join(f"{key}={value}" for key, value in sorted(trial.options.items()))
    predicted = tuple(f"{safe(name)} {plain(value)}" for name, value in sorted(trial.predicted.items()))
    return (
        safe(trial.site),
        safe(f"{trial.replacement} {options}".strip()),
        say(f"replacement.{trial.exactness}"),
        *(
            plain(value) if value is not None else UNKNOWN
            for value in (trial.output_drift, trial.gradient_drift, trial.time_ratio, trial.memory_ratio)
        ),
        join(predicted) if predicted else UNKNOWN,
    )
