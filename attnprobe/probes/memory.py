"""Memory predicted from a capture: activations, peaks, parameters, and the state that training adds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from math import prod

from attnprobe.errors import AttnprobeError
from attnprobe.probes.counting.parts import cost_shares, parts_of_ops
from attnprobe.probes.storage.dtypes import is_floating, itemsize
from attnprobe.probes.storage.lifetimes import peak_bytes, saved_bytes
from attnprobe.probes.storage.metrics import MEMORY_METRICS
from attnprobe.records import CostShare, Measurement, NotMeasured, Probe, ProbeResult, Subject, Trace

_NO_BACKWARD = "the scan ran no backward pass"
_Result = Measurement | NotMeasured


def _run(subject: Subject) -> ProbeResult:
    trace = subject.trace
    results = [*_training_state(trace), *_forward_peak(subject), *_training(trace)]
    return ProbeResult(
        measurements=tuple(result for result in results if isinstance(result, Measurement)),
        not_measured=tuple(result for result in results if isinstance(result, NotMeasured)),
        cost_shares=_shares(trace) if trace.backward else (),
    )


def _training_state(trace: Trace) -> Iterator[Measurement]:
    sizes = [(prod(shape), itemsize(dtype), is_floating(dtype)) for shape, dtype in trace.parameters.values()]
    parameters = sum(count * size for count, size, _ in sizes)
    gradients = sum(count * size for count, size, is_trained in sizes if is_trained)
    values = {
        "parameters": sum(count for count, _, _ in sizes),
        "parameter_bytes": parameters,
        "gradient_bytes": gradients,
        "optimizer_bytes": 2 * gradients,
        "training_state_bytes": parameters + 3 * gradients,
    }
    yield from (Measurement(metric=metric, site="", value=value) for metric, value in values.items())


def _forward_peak(subject: Subject) -> Iterator[_Result]:
    """From a capture without gradients: with them, the forward holds on to what backward needs."""
    trace, length = subject.trace, subject.trace.seq_len
    metric = "peak_forward_bytes"
    if trace.backward:
        if subject.retrace is None:
            reason = "the model cannot be traced again without gradients"
            yield NotMeasured(metric=metric, site="", reason=reason)
            return
        try:
            trace = subject.retrace(length or 0)  # 0: at the scanned length, whatever it is
        except AttnprobeError as error:
            yield NotMeasured(metric=metric, site="", reason=error.message)
            return
    yield Measurement(metric=metric, site="", value=peak_bytes(trace, end=trace.forward_end))


def _training(trace: Trace) -> Iterator[_Result]:
    if not trace.backward:
        yield from (
            NotMeasured(metric=metric, site="", reason=_NO_BACKWARD)
            for metric in ("peak_training_bytes", "activation_bytes")
        )
        yield from (
            NotMeasured(metric="activation_bytes", site=site.id, reason=_NO_BACKWARD) for site in trace.sites
        )
        return
    yield Measurement(metric="peak_training_bytes", site="", value=peak_bytes(trace))
    saved = saved_bytes(trace)
    yield Measurement(metric="activation_bytes", site="", value=sum(saved.values()))
    of_site: Counter[int] = Counter()
    for op, size in saved.items():
        if op in trace.site_of_op:
            of_site[trace.site_of_op[op][0]] += size
    for index, site in enumerate(trace.sites):
        yield Measurement(metric="activation_bytes", site=site.id, value=of_site[index])


def _shares(trace: Trace) -> tuple[CostShare, ...]:
    parts = parts_of_ops(trace)
    sums: Counter[str] = Counter()
    for op, size in saved_bytes(trace).items():
        sums[parts[op]] += size
    return cost_shares("activation_bytes", sums)


probe = Probe(name="memory", depth="static", metrics=MEMORY_METRICS, run=_run)
