"""From a change that should not be there to the attention in which it starts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from attnprobe.errors import ModelError
from attnprobe.observing.run import with_sites_of
from attnprobe.probes.perturbing.runs import Run, run
from attnprobe.probes.perturbing.short_inputs import Short
from attnprobe.probes.perturbing.starting import Cut, Start, first_of, start_of
from attnprobe.records import LoadedModel, Measurement, Metric, NotMeasured, ProbeResult
from attnprobe.resizing import input_tensors

_MOST_BYTES = 2**28  # of what all attentions read and write; beyond, they are not looked at


@dataclass(frozen=True, slots=True)
class Change:
    """Inputs with something changed in them, and what of an attention's tensors must not move then."""

    model: LoadedModel
    cut: Cut
    seed: int


def located(
    short: Short, found: Measurement, metric: Metric, changes: Sequence[Change], what: str
) -> ProbeResult:
    """The number of the model, and for every attention whether it starts there.

    Attentions are looked at only when the number is more than rounding.

    Args:
        short: The model and its first run.
        found: The number of the model.
        metric: Of the attentions.
        changes: Those that moved the output.
        what: What starts, as a sentence without its end.
    """
    if found.value is None or found.value <= short.limit or not changes:
        return _result(short, found, metric, Start(), "")
    seen = _seen(short)
    if isinstance(seen, str):
        reason = f"the attentions were not seen: {seen}"
        missing = NotMeasured(metric=metric.name, site="", reason=reason)
        return ProbeResult(measurements=(found,), not_measured=(missing,) if short.trace.sites else ())
    base, again = seen
    starts = []
    for change in changes:
        changed = run(change.model, short.trace, change.seed)
        starts.append(start_of(short.trace.sites, base, again, changed, change.cut))
    return _result(short, found, metric, first_of(starts, base), what)


def _seen(short: Short) -> tuple[Run, Run] | str:
    """Two equal runs with all attentions seen; with a trace of these very inputs where the known one fails.

    A trace of a lone sample does not say which dims count samples.
    """
    if not short.trace.sites:
        return "there are none"
    if _bytes_of_sites(short) > _MOST_BYTES:
        return "at the length that the model runs at, what they read and write is too large to be kept"
    base = Run(None) if short.is_joined else run(short.model, short.trace, short.seed)
    if not base.sites and short.trace_of is not None:
        try:
            short.trace = with_sites_of(short.trace, short.trace_of(short.model))
        except ModelError as error:
            return error.message
        short.is_joined = False
    if not base.sites:
        base = run(short.model, short.trace, short.seed)
    return (base, run(short.model, short.trace, short.seed)) if base.sites else base.lost


def _bytes_of_sites(short: Short) -> float:
    """Of queries, keys, values and outputs of all attentions in one run."""
    tensors, trace = input_tensors(short.model), short.trace
    sizes = [tensors[n].shape[dim] for n, dims in trace.length_dims.items() if n in tensors for dim in dims]
    ratio = max(sizes, default=0) / trace.seq_len if trace.seq_len and sizes else 1.0
    return ratio * sum(
        4
        * site.batch
        * (site.num_heads * site.q_len + site.num_kv_heads * site.kv_len)
        * (site.head_dim + site.value_dim)
        for site in trace.sites
    )


def _result(short: Short, found: Measurement, metric: Metric, start: Start, what: str) -> ProbeResult:
    sites = short.trace.sites
    values = [
        Measurement(metric=metric.name, site=site.id, value=float(index == start.site))
        for index, site in enumerate(sites)
        if index not in start.unseen
    ]
    reason = "its queries and keys are not the inputs' tokens or samples, or their layout is unknown"
    unseen = [NotMeasured(metric=metric.name, site=sites[i].id, reason=reason) for i in start.unseen]
    notes: tuple[str, ...] = ()
    if start.behind is not None:
        place = sites[start.behind].id or "the attention"
        notes = (f"Somewhere before {place}, not in an attention, {what}.",)
    return ProbeResult(measurements=(found, *values), not_measured=tuple(unseen), notes=notes)
