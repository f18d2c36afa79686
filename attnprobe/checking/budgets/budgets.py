"""Numbers of a scan held against the budgets of the configuration."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from attnprobe.checking.budgets.values import hindrance, missing_reason, value_of
from attnprobe.records import Budget, BudgetResult, Number, PairedTimes, Scan, Settings

ROUNDING = 1e-9  # relative: 0.45 of the configuration and 0.45 of a division are the same number

_NO_BASE = (
    "there is nothing to compare with: it takes a base scan (attnprobe diff) or a baseline that holds it"
)
_NOT_PAIRED = 'times of two separate runs are not compared: ask for pairs with {mode = "paired"}'
_SINGLE = "a single timing does not block: only a change measured in turns does"
_NO_PAIRS = "no runs in turns were made: it takes attnprobe diff with two versions of the model"


def results(
    scan: Scan,
    settings: Settings,
    base: Scan | None = None,
    *,
    times: Iterable[PairedTimes] = (),
    before: Mapping[str, Number] | None = None,
) -> tuple[BudgetResult, ...]:
    """One result per budget, in the order of the configuration.

    A limit holds for the total of the model; of a metric that has no total, for the largest of its sites. A
    change is that from the same number of `base`, on the same inputs. A time changes only by the runs in
    turns of `times`: it is over budget when the whole interval of the ratio is.

    What may block is what the settings let block, and of times only changes that were measured in turns: a
    single timing fails nobody's build.

    Args:
        scan: With its totals.
        settings: With the budgets, in the units of their metrics.
        base: The scan before the change.
        times: Of both versions, measured in turns.
        before: Totals of a baseline; for metrics that `base` lacks, or where there is no `base`.
    """
    paired = {each.metric: each for each in times}
    known = {**(before or {})}
    return tuple(_result(budget, scan, base, paired, known) for budget in settings.budgets)


def _result(
    budget: Budget,
    scan: Scan,
    base: Scan | None,
    paired: Mapping[str, PairedTimes],
    before: Mapping[str, Number],
) -> BudgetResult:
    if budget.is_paired:
        return _paired(budget, paired.get(budget.metric))
    value = value_of(scan, budget.metric)
    if budget.limit is not None:
        return _absolute(budget, scan, value)
    if _is_time(scan, budget):
        return _unknown(budget, _NOT_PAIRED, value=value, is_blocking=False)
    earlier = value_of(base, budget.metric) if base else None
    earlier = before.get(budget.metric) if earlier is None else earlier
    if value is None:
        return _unknown(budget, missing_reason(scan, budget.metric), base=earlier)
    if earlier is None:
        reason = missing_reason(base, budget.metric, "before: ") if base else _NO_BASE
        return _unknown(budget, reason, value=value)
    hindered = hindrance(scan, base, budget.metric) if base else ""
    if hindered:
        return _unknown(budget, hindered, value=value)
    limit = _allowed(budget, earlier)
    is_met = not _is_over(value, limit)
    return _known(budget, limit, value, earlier, is_met, "")


def _absolute(budget: Budget, scan: Scan, value: Number | None) -> BudgetResult:
    limit = budget.limit or 0
    if value is None:
        return _unknown(budget, missing_reason(scan, budget.metric))
    is_met = not _is_over(value, limit)
    if budget.is_blocking and _is_time(scan, budget):
        return _known(budget, limit, value, None, is_met, _SINGLE, is_blocking=False)
    return _known(budget, limit, value, None, is_met, "")


def _paired(budget: Budget, times: PairedTimes | None) -> BudgetResult:
    """Over budget only when even the low end of the interval is: noise alone breaks nothing."""
    if times is None:
        return _unknown(budget, _NO_PAIRS, is_blocking=False)
    earlier = sorted(times.base_ms)[len(times.base_ms) // 2]
    limit = _allowed(budget, earlier)
    is_met = times.low * earlier <= limit * (1 + ROUNDING)
    interval = f"{_change(times.ratio)} [{_change(times.low)}, {_change(times.high)}]"
    reason = f"{interval} in {len(times.base_ms)} pairs of runs"
    return _known(budget, limit, times.ratio * earlier, earlier, is_met, reason)


def _allowed(budget: Budget, earlier: Number) -> Number:
    """The largest value that the change allows."""
    if budget.relative is not None:
        return earlier + abs(earlier) * budget.relative
    return earlier + (budget.change or 0)


def _is_over(value: Number, limit: Number) -> bool:
    if isinstance(value, int) and isinstance(limit, int):
        return value > limit
    return value > limit + ROUNDING * max(abs(value), abs(limit))


def _is_time(scan: Scan, budget: Budget) -> bool:
    metric = scan.metrics.get(budget.metric)
    if metric is None:
        return budget.metric.endswith("_ms")
    return metric.unit == "ms" and metric.exactness == "noisy"


def _change(ratio: float) -> str:
    return f"{ratio - 1:+.1%}".replace("%", " %")


def _known(
    budget: Budget,
    limit: Number,
    value: Number,
    base: Number | None,
    is_met: bool,
    reason: str,
    *,
    is_blocking: bool | None = None,
) -> BudgetResult:
    return BudgetResult(
        metric=budget.metric,
        limit=limit,
        value=value,
        base=base,
        text=budget.text,
        is_met=is_met,
        is_blocking=budget.is_blocking if is_blocking is None else is_blocking,
        reason=reason,
        origin=budget.origin,
    )


def _unknown(
    budget: Budget,
    reason: str,
    *,
    value: Number | None = None,
    base: Number | None = None,
    is_blocking: bool | None = None,
) -> BudgetResult:
    return BudgetResult(
        metric=budget.metric,
        limit=budget.limit if budget.limit is not None or base is None else _allowed(budget, base),
        value=value,
        base=base,
        text=budget.text,
        is_met=None,
        is_blocking=budget.is_blocking if is_blocking is None else is_blocking,
        reason=reason,
        origin=budget.origin,
    )
