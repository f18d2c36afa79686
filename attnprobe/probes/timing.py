"""Time of forward and backward, of the model and of every site that has a module of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from statistics import median

from attnprobe.probes.measuring.repeats import spread
from attnprobe.probes.measuring.spans import OwnModules, own_modules
from attnprobe.probes.measuring.step_times import Times, backward_times, forward_times
from attnprobe.probes.measuring.timers import Timer, timer_for
from attnprobe.records import Measurement, Metric, NotMeasured, Probe, ProbeResult, Subject

_SETTINGS = "Warm-up first; CUDA events on a GPU, a monotonic clock on a CPU. "
_FORWARD = "Without autograd, with hooks on the sites' modules in runs of their own. "
_BACKWARD = (
    "A site's is the sum over the autograd nodes that its module made, each from its start to its end. "
)


def _metric(name: str, title: str, method: str, not_said: str = "") -> Metric:
    return Metric(
        name=name, title=title, unit="ms", level="site", exactness="noisy", method=method, not_said=not_said
    )


METRICS = (
    _metric(
        "forward_ms",
        "Time of the forward pass",
        "Median over the repeats. " + _SETTINGS + _FORWARD,
        "The fused fast path of nn.MultiheadAttention is off while a scan runs. Nothing is compiled.",
    ),
    _metric(
        "forward_ms_spread",
        "Spread of the time of the forward pass",
        "Median absolute deviation from the median over the repeats.",
    ),
    _metric(
        "backward_ms",
        "Time of the backward pass",
        "Median over the repeats. " + _SETTINGS + _BACKWARD,
        "Adding up gradients between nodes belongs to no site. The optimizer is not run.",
    ),
    _metric(
        "backward_ms_spread",
        "Spread of the time of the backward pass",
        "Median absolute deviation from the median over the repeats.",
    ),
)


def _run(subject: Subject) -> ProbeResult:
    return measure(subject, timer_for(subject.device))


def measure(subject: Subject, timer: Timer) -> ProbeResult:
    """Time a subject by a given clock."""
    assert subject.model is not None
    model, options, own = subject.model, subject.options, own_modules(subject.trace)
    runs: dict[str, Callable[[], Times]] = {"forward_ms": lambda: forward_times(model, options, own, timer)}
    if subject.trace.backward:
        runs["backward_ms"] = lambda: backward_times(model, options, own, timer)
    results: list[Measurement | NotMeasured] = []
    for metric in ("forward_ms", "backward_ms"):
        if metric not in runs:
            results += _missing(metric, [""], "the scan ran no backward pass")
            continue
        times = runs[metric]()
        results += _measurements(metric, times)
        results += _gaps(metric, subject, times, own)
    return ProbeResult(
        measurements=tuple(result for result in results if isinstance(result, Measurement)),
        not_measured=tuple(result for result in results if isinstance(result, NotMeasured)),
    )


def _measurements(metric: str, times: Times) -> Iterator[Measurement]:
    for site, values in times.items():
        yield Measurement(metric=metric, site=site, value=median(values))
        yield Measurement(metric=f"{metric}_spread", site=site, value=spread(values))


def _gaps(metric: str, subject: Subject, times: Times, own: OwnModules) -> Iterator[NotMeasured]:
    for site in subject.trace.sites:
        if site.id not in times:
            what = "did not run once per attention" if metric == "forward_ms" else "made no autograd nodes"
            reason = own.missing.get(site.id, f"its module {what}")
            yield from _missing(metric, [site.id], reason)


def _missing(metric: str, sites: Sequence[str], reason: str) -> Iterator[NotMeasured]:
    for site in sites:
        yield NotMeasured(metric=metric, site=site, reason=reason)
        yield NotMeasured(metric=f"{metric}_spread", site=site, reason=reason)


probe = Probe(name="timing", depth="measured", metrics=METRICS, run=_run)
