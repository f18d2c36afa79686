"""Budgets: limits of numbers (`budgets`) and of their change (`budgets.delta`)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache

from attnprobe.checking.settings import readers
from attnprobe.checking.settings.amounts import example, parse_amount, parse_percent
from attnprobe.checking.settings.nodes import Node
from attnprobe.records import Budget, Metric

ALIASES: Mapping[str, str] = {
    "flops": "flops_forward",
    "params": "parameters",
    "param_bytes": "parameter_bytes",
    "kv_bytes_per_token": "kv_cache_bytes_per_token",
    "kv_cache_per_token": "kv_cache_bytes_per_token",
    "kv_bytes": "kv_cache_bytes",
    "kv_cache": "kv_cache_bytes",
    "activations": "activation_bytes",
    "peak_activation_bytes": "peak_training_bytes",
    "peak_bytes": "peak_training_bytes",
    "training_bytes": "training_state_bytes",
    "time": "forward_ms",
    "latency": "forward_ms",
    "attention.flops_share": "attention_flops_share",
    "flops_share": "attention_flops_share",
}
_TABLE_KEYS = ("max", "mode", "runs", "block")
_MODES = readers.choice("paired", "single")
_RUNS = readers.whole(5, 1000)  # with fewer pairs no interval holds the median at 90 %


@dataclass(frozen=True, slots=True)
class WrittenBudget:
    """A budget; whether it blocks is decided when the key `block` of all sources is known."""

    budget: Budget
    is_asked_to_block: bool | None  # None: not said
    exactness: str  # of its metric


def budgets(node: Node) -> tuple[WrittenBudget, ...]:
    """Both tables, in the order in which they were written.

    Raises:
        SettingsError: An unknown metric, or an amount that is not in its unit.
    """
    found = []
    for name, each in _flat(node, ""):
        if name == "delta":
            found += [_budget(changed, part, is_change=True) for changed, part in _flat(each, "")]
        else:
            found.append(_budget(name, each, is_change=False))
    return tuple(found)


def _flat(node: Node, prefix: str) -> Iterator[tuple[str, Node]]:
    """`attention.flops_share = …` is one name, however its dot was written."""
    for name, each in node.items():
        full = f"{prefix}{name}"
        is_budget = isinstance(each.value, Mapping) and bool(set(each.value) & set(_TABLE_KEYS))
        if isinstance(each.value, Mapping) and full != "delta" and not is_budget:
            yield from _flat(each, f"{full}.")
        else:
            yield full, each


def _budget(name: str, node: Node, *, is_change: bool) -> WrittenBudget:
    metric = _metric(name, node)
    if not isinstance(node.value, Mapping):
        return WrittenBudget(_limited(metric, node, is_change=is_change), None, metric.exactness)
    node.only(_TABLE_KEYS)
    given = dict(node.items())
    if "max" not in given:
        raise node.fault("the key `max`", "none")
    limited = _limited(metric, given["max"], is_change=is_change)
    is_paired = "mode" in given and _MODES(given["mode"]) == "paired"
    if is_paired and not (is_change and metric.unit == "ms"):
        raise given["mode"].fault("`paired` only for the change of a time", "it elsewhere")
    budget = Budget(
        metric=metric.name,
        text=limited.text,
        limit=limited.limit,
        change=limited.change,
        relative=limited.relative,
        is_paired=is_paired,
        runs=_RUNS(given["runs"]) if "runs" in given else 7,
        origin=node.origin,
    )
    return WrittenBudget(budget, readers.flag(given["block"]) if "block" in given else None, metric.exactness)


def _limited(metric: Metric, node: Node, *, is_change: bool) -> Budget:
    value = node.value
    shown = example(metric.unit)
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise node.fault(f"an amount as in {shown}")
    written = value if isinstance(value, str) else repr(value)
    share = parse_percent(written) if is_change else None
    if share is not None:
        if share < -1:
            raise node.fault("a change above -100 %")
        return Budget(metric=metric.name, text=written, relative=share, origin=node.origin)
    try:
        amount = parse_amount(written, metric.unit)
    except ValueError as error:
        raise node.fault(f"an amount as in {shown}", str(error)) from None
    if is_change:
        return Budget(metric=metric.name, text=written, change=amount, origin=node.origin)
    if amount < 0:
        raise node.fault("an amount from 0", written)
    return Budget(metric=metric.name, text=written, limit=amount, origin=node.origin)


def _metric(name: str, node: Node) -> Metric:
    known = _metrics()
    full = ALIASES.get(name, name)
    full = full if full in known else full.replace(".", "_")
    if full not in known:
        error = node.unknown(name, (*known, *ALIASES), "metric")
        error.hint = "`attnprobe catalog --metrics` lists them."
        raise error
    return known[full]


@cache
def _metrics() -> Mapping[str, Metric]:
    from attnprobe.dictionary import entries

    return {name: entry.metric for name, entry in entries().items()}
