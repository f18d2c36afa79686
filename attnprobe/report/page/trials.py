"""Replacements that were tried, with what was predicted beside what was measured."""

from __future__ import annotations

from attnprobe.records import Scan, Trial
from attnprobe.report.page.elements import Column, Table, rows_left_out
from attnprobe.report.parts.catalogue import Words, join, say
from attnprobe.report.parts.quantities import UNKNOWN, plain
from attnprobe.report.parts.safe_text import safe

SHOWN = 200


def trials(scan: Scan) -> Table | None:
    """A row per trial; None where nothing was tried."""
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
    rows = tuple(_trial(trial) for trial in scan.trials[:SHOWN])
    note = rows_left_out(SHOWN, len(scan.trials))
    return Table(caption=say("trials.title"), columns=columns, rows=rows, note=note)


def _trial(trial: Trial) -> tuple[Words, ...]:
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
