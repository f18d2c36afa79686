"""Budgets: each number beside its limit, and how much room is left."""

from __future__ import annotations

from dataclasses import dataclass

from attnprobe.records import BudgetResult, Scan
from attnprobe.report.parts.catalogue import Text, Words, join, say
from attnprobe.report.parts.names import metric_title, shown, signed_percent
from attnprobe.report.parts.quantities import percent
from attnprobe.report.parts.safe_text import safe

BUDGETS_SHOWN = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Gauge:
    """One budget as a bar: the value, and where the limit lies."""

    title: Words
    value: str
    limit: str
    state: str  # class: "met", "missed", "unknown"
    verdict: Text
    room: Words  # "25 % of head-room", "4.0 % over"
    width: str  # of the value's bar
    mark: str  # where the limit lies; "" at the end of the bar
    notes: tuple[Words, ...]  # as written, where, against which base, whether it fails the check, why unknown


def budgets(scan: Scan) -> tuple[Gauge, ...]:
    """The missed first, then what is not known, then the met ones with the least room first."""
    known = sorted(scan.budgets, key=_place)
    return tuple(_gauge(scan, each) for each in known[:BUDGETS_SHOWN])


def _place(budget: BudgetResult) -> tuple[int, float]:
    rank = {False: 0, None: 1, True: 2}[budget.is_met]
    return rank, -(_use(budget) or 0)


def _use(budget: BudgetResult) -> float | None:
    """The value as a share of the limit; None where there is none."""
    if budget.value is None or budget.limit is None or budget.limit <= 0 or budget.value < 0:
        return None
    return budget.value / budget.limit


def _gauge(scan: Scan, budget: BudgetResult) -> Gauge:
    use = _use(budget)
    state = {True: "met", False: "missed", None: "unknown"}[budget.is_met]
    return Gauge(
        title=metric_title(scan, budget.metric),
        value=shown(scan, budget.metric, budget.value),
        limit=shown(scan, budget.metric, budget.limit),
        state=state,
        verdict=say(f"budget.{state}"),
        room=_room(use) if budget.is_met is not None else "",
        width=f"{min(use or 0, 1) * 100:.1f}%",
        mark=f"{100 / use:.1f}%" if use is not None and use > 1 else "",
        notes=_notes(scan, budget),
    )


def _room(use: float | None) -> Words:
    if use is None:
        return ""
    return (
        say("budget.over", share=percent(use - 1)) if use > 1 else say("budget.room", share=percent(1 - use))
    )


def _notes(scan: Scan, budget: BudgetResult) -> tuple[Words, ...]:
    told: list[Words] = [say("budget.written", text=safe(budget.text))]
    if budget.base is not None:
        change = _change(budget)
        told.append(join((say("budget.base", value=shown(scan, budget.metric, budget.base)), *change)))
    if not budget.is_blocking:
        told.append(say("budget.not_blocking"))
    elif budget.is_met is False:
        told.append(say("budget.blocking"))
    return (*told, *(safe(each, 500) for each in (budget.reason, budget.origin) if each))


def _change(budget: BudgetResult) -> tuple[Words, ...]:
    if not budget.base or budget.value is None:
        return ()
    return (signed_percent(budget.value / budget.base - 1),)
