"""How much of a layer's input a linear map can still read from its output."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attnprobe.probes.representations.streams import results, stream_of, why_no_stream
from attnprobe.records import Measurement, Metric, NotMeasured, Probe, ProbeResult, Subject

if TYPE_CHECKING:
    from attnprobe.observing.sums import Sums

TOKENS_PER_DIM = 8

METRICS = (
    Metric(
        name="input_recoverability",
        title="Share of the hidden states before the attention that a linear map reads from those after it",
        unit="1",
        level="site",
        exactness="sampled",
        method="Held-out R², mean over dims: ridge regression (0.01 of a dim's variance) of entry on exit "
        "(its branch added, normalised where the model does), fitted on half of the tokens and judged on the "
        "other, both ways. Wider than 256, both pass the same projection to 256 dims, sums of dims with "
        f"random signs (the scan's seed). Needs {TOKENS_PER_DIM} tokens per dim.",
        source="Linear probes: Alain and Bengio 2016, arXiv:1610.01644. Held out, since fits on the same "
        "tokens promise what is not there.",
        not_said="What a non-linear map could read. Wider than 256 dims it is a lower bound, tight with a "
        "residual connection and loose without one.",
        topic="information",
        needs_data=True,
    ),
)


def _watch(subject: Subject) -> Any:
    from attnprobe.probes.representations.regression import RecoverabilityWatcher

    streams = [stream_of(subject.trace, index) for index in range(len(subject.trace.sites))]
    has_residual = tuple(stream is not None and stream.has_residual is True for stream in streams)
    return RecoverabilityWatcher(has_residual, subject.options.seed)


def _run(subject: Subject) -> ProbeResult:
    sums: Sums = subject.watched["recoverability"].sums
    found = {}
    for index, site in enumerate(subject.trace.sites):
        reason = why_no_stream(subject.trace, index, "entry")
        found[site.id] = reason or _value(sums, index)
    records = tuple(results("input_recoverability", found))
    return ProbeResult(
        measurements=tuple(record for record in records if isinstance(record, Measurement)),
        not_measured=tuple(record for record in records if isinstance(record, NotMeasured)),
    )


def _value(sums: Sums, index: int) -> float | str:
    from attnprobe.probes.representations.regression import HALVES, held_out_share

    names = ("tokens", "x", "y", "xx", "xy", "yy")
    halves = [{name: sums.get(index, f"{half} {name}") for name in names} for half in HALVES]
    first, second = ({n: value for n, value in half.items() if value is not None} for half in halves)
    if not first or not second:
        return "the hidden states before and after it could not be laid side by side"
    dims, tokens = len(first["x"]), int(first["tokens"] + second["tokens"])
    if tokens < TOKENS_PER_DIM * dims or min(first["tokens"], second["tokens"]) < 2 * dims:
        return f"{tokens} tokens are too few for {dims} dims; it needs {TOKENS_PER_DIM * dims}"
    if float(min((half["yy"]).sum() for half in (first, second))) == 0:
        return "the hidden states before it are all zero"
    return (held_out_share(first, second) + held_out_share(second, first)) / 2


probe = Probe(name="recoverability", depth="measured", metrics=METRICS, run=_run, watch=_watch)
