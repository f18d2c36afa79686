"""The numbers of the whole model, before and after."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from statistics import median

from attnprobe.comparing.directions import relative_change, tolerance_of, verdict_of
from attnprobe.comparing.obstacles import Obstacles, missing_reason
from attnprobe.records import Change, Metric, Number, PairedTimes, Scan, Verdict

# Two processes that run the same code differ lastingly by where their memory lies. Measured: docs/diff.md.
SAME_CODE = 0.01
_FIRST = (
    *("flops_forward", "flops_backward", "activation_bytes", "peak_forward_bytes", "peak_training_bytes"),
    *("kv_cache_bytes_per_token", "kv_cache_bytes", "parameters", "parameter_bytes"),
    *("forward_ms", "backward_ms", "attention_flops_share", "core_flops_share"),
)
_OF_ANOTHER = ("_spread", "_factor_error")  # how sure another number is, which its own comparison says


def total_changes(
    base: Scan | None, head: Scan, obstacles: Obstacles | None, times: Sequence[PairedTimes]
) -> Iterator[Change]:
    """A change for every number that at least one of the two has: costs first, then by name."""
    paired = {each.metric: each for each in times}
    for name in _names(base, head, paired):
        if name in paired:
            yield _of_times(paired[name])
        elif base is None or obstacles is None:
            yield _change(name, None, head.totals[name], "added")
        elif not _is_void(name, base, head, obstacles):
            yield _compared(name, base, head, obstacles)


def _names(base: Scan | None, head: Scan, paired: Iterable[str]) -> Sequence[str]:
    scans = [scan for scan in (base, head) if scan is not None]
    known = {name for scan in scans for name, value in scan.totals.items() if value is not None}
    shown = {name for name in known if not name.endswith(_OF_ANOTHER)} | set(paired)
    rank = {name: number for number, name in enumerate(_FIRST)}
    return sorted(shown, key=lambda name: (rank.get(name, len(rank)), name))


def _is_void(name: str, base: Scan, head: Scan, obstacles: Obstacles) -> bool:
    """Whether it means nothing in either scan: of these the comparison says once that there are such."""
    metric = head.metrics.get(name) or base.metrics.get(name)
    return metric is not None and metric.needs_data and obstacles.is_random


def _compared(name: str, base: Scan, head: Scan, obstacles: Obstacles) -> Change:
    before, after = base.totals.get(name), head.totals.get(name)
    if before is None or after is None:
        scan, which = (base, "the base") if before is None else (head, "the head")
        return _change(name, before, after, "not_comparable", reason=missing_reason(scan, name, which))
    metric = head.metrics.get(name) or base.metrics.get(name)
    if metric is None:
        return _change(name, before, after, "not_comparable", reason="neither scan says what it is")
    reason = obstacles.of(metric)
    if reason:
        return _change(name, before, after, "not_comparable", reason=reason)
    verdict = verdict_of(metric, before, after)
    return _change(name, before, after, verdict, reason=_noise(metric) if verdict == "within_noise" else "")


def _noise(metric: Metric) -> str:
    return f"±{100 * tolerance_of(metric):.3g} %, since it is sampled"


def _of_times(times: PairedTimes) -> Change:
    low, high = (f"{100 * (end - 1):+.1f}".replace("-", "−") for end in (times.low, times.high))
    return Change(
        kind="total",
        name=times.metric,
        where="",
        base=median(times.base_ms),
        head=median(times.head_ms),
        relative=times.ratio - 1,
        verdict=verdict_of_times(times),
        reason=f"{low} to {high} %, {len(times.base_ms)} paired runs",
    )


def verdict_of_times(times: PairedTimes) -> Verdict:
    """Better or worse where the whole interval lies beyond what two processes of one code differ by."""
    if times.low > 1 + SAME_CODE:
        return "worse"
    return "better" if times.high < 1 - SAME_CODE else "within_noise"


def _change(
    name: str, base: Number | None, head: Number | None, verdict: Verdict, reason: str = ""
) -> Change:
    return Change(
        kind="total",
        name=name,
        where="",
        base=base,
        head=head,
        relative=None if base is None or head is None else relative_change(base, head),
        verdict=verdict,
        reason=reason,
    )
