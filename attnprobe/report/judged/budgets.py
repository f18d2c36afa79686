"""Numbers against their budgets, in words."""

from __future__ import annotations

from attnprobe.records import BudgetResult, Scan
from attnprobe.report.judged.places import shown_origin
from attnprobe.report.parts.catalogue import Text, Words, join, say
from attnprobe.report.parts.names import metric_title, shown, signed_percent
from attnprobe.report.parts.safe_text import safe


def is_failing(budget: BudgetResult) -> bool:
    """Whether it fails the check."""
    return budget.is_met is False and budget.is_blocking


def state(scan: Scan, budget: BudgetResult) -> Text:
    """ "FLOPs 1.53 TF > 1.47 TF (+6.1 %; budget +2%)"."""
    if budget.is_met is None:
        return say("gate.budget.unknown", metric=metric_title(scan, budget.metric), reason=reason(budget))
    parts: tuple[Words, ...] = (say("gate.budget.text", text=safe(budget.text, 60)),)
    if budget.base and budget.value is not None:
        parts = (signed_percent((budget.value - budget.base) / budget.base), *parts)
    return say(
        "gate.budget.met" if budget.is_met else "gate.budget.broken",
        metric=metric_title(scan, budget.metric),
        value=shown(scan, budget.metric, budget.value),
        limit=shown(scan, budget.metric, budget.limit),
        text=join(parts, "list.semicolon"),
    )


def remedy(budget: BudgetResult) -> Text:
    """Where the limit is set."""
    return say("gate.budget.raise", where=where_set(budget))


def where_set(budget: BudgetResult) -> str:
    """ "[tool.attnprobe.budgets] flops_forward, pyproject.toml:31"."""
    table = "tool.attnprobe.budgets" if budget.base is None else "tool.attnprobe.budgets.delta"
    origin = shown_origin(budget.origin)
    return f"[{table}] {safe(budget.metric, 80)}{', ' if origin else ''}{origin}"


def reason(budget: BudgetResult) -> str:
    """Why it is not known."""
    return safe(budget.reason, 300)
