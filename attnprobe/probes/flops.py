"""FLOPs of the model and of every attention site: nominal, useful and executed, forward and backward."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from attnprobe.probes.counting.formulas import known_ops
from attnprobe.probes.counting.metrics import FLOP_METRICS
from attnprobe.probes.counting.parts import cost_shares, parts_of_ops
from attnprobe.probes.counting.tally import Tally, TraceFlops, belongs_to_model, count
from attnprobe.probes.counting.unknown import unknown_ops
from attnprobe.probes.counting.visible import executed_share, visible_share
from attnprobe.records import Measurement, NotMeasured, Probe, ProbeResult, Subject, Trace


def _run(subject: Subject) -> ProbeResult:
    trace = subject.trace
    counted = count(trace)
    results = [*_sites(trace, counted), *_model(trace, counted)]
    return ProbeResult(
        measurements=tuple(result for result in results if isinstance(result, Measurement)),
        not_measured=tuple(result for result in results if isinstance(result, NotMeasured)),
        cost_shares=cost_shares("flops_forward", _flops_by_part(trace, counted)),
        unknown_ops=unknown_ops(trace),
        notes=(f"FLOPs: {len(known_ops())} ops have a formula; one multiply-add is 2 FLOPs.",),
    )


_Result = Measurement | NotMeasured


def _sites(trace: Trace, counted: TraceFlops) -> Iterator[_Result]:
    for site, tally in zip(trace.sites, counted.sites, strict=True):
        yield from _sums(trace, tally, site.id)
    yield from _effective(trace, counted.sites)


def _model(trace: Trace, counted: TraceFlops) -> Iterator[_Result]:
    model, sites = counted.model, counted.sites
    yield from _sums(trace, _with_site_parts(model, sites), "")
    if model.forward:
        attention = sum(tally.forward for tally in sites)
        yield Measurement(metric="attention_flops_share", site="", value=attention / model.forward)
    else:
        yield NotMeasured(metric="attention_flops_share", site="", reason="the forward has no FLOPs")


def _with_site_parts(model: Tally, sites: Sequence[Tally]) -> Tally:
    """The model's sums, with the parts of its attention sites."""
    parts: Counter[str] = sum((tally.parts for tally in sites), start=Counter())
    return Tally(
        model.forward, model.backward, model.recomputed, parts, model.elementwise, model.copied_bytes
    )


def _sums(trace: Trace, tally: Tally, site: str) -> Iterator[_Result]:
    values: dict[str, float] = {
        "flops_forward": tally.forward,
        "flops_scores": tally.parts["scores"],
        "flops_values": tally.parts["values"],
        "flops_core": tally.core,
        "flops_projections": tally.parts["projections"],
        "elementwise_operations": tally.elementwise,
        "copy_bytes": tally.copied_bytes,
    }
    if tally.forward:
        values["core_flops_share"] = tally.core / tally.forward
    else:
        yield NotMeasured(metric="core_flops_share", site=site, reason="the forward has no FLOPs")
    yield from (Measurement(metric=name, site=site, value=value) for name, value in values.items())
    yield from _backward(trace, tally, site)


def _backward(trace: Trace, tally: Tally, site: str) -> Iterator[_Result]:
    for metric, value in (("flops_backward", tally.backward), ("flops_recomputed", tally.recomputed)):
        if trace.backward:
            yield Measurement(metric=metric, site=site, value=value)
        else:
            yield NotMeasured(metric=metric, site=site, reason="the scan ran no backward pass")


def _effective(trace: Trace, tallies: Sequence[Tally]) -> Iterator[_Result]:
    """Useful and executed FLOPs per site, and their sums for the model where every site's is known."""
    totals: dict[str, float | None] = {"flops_useful": 0, "flops_executed": 0}
    for site, core, tally in zip(trace.sites, trace.cores, tallies, strict=True):
        shares = {
            "flops_useful": (visible_share(trace, site, core), "the values of the mask were not seen"),
            "flops_executed": (
                executed_share(trace, site, core),
                f"which blocks {site.kernel} skips is not known",
            ),
        }
        for metric, (share, reason) in shares.items():
            before = totals[metric]
            if share is None:
                totals[metric] = None
                yield NotMeasured(metric=metric, site=site.id, reason=reason)
                continue
            value = round(tally.core * share)
            totals[metric] = None if before is None else before + value
            yield Measurement(metric=metric, site=site.id, value=value)
    for metric, total in totals.items():
        if total is None:
            yield NotMeasured(metric=metric, site="", reason="it is not known for every site")
        else:
            yield Measurement(metric=metric, site="", value=total)


def _flops_by_part(trace: Trace, counted: TraceFlops) -> Counter[str]:
    """Forward FLOPs by part of the model; a fused encoder layer is split."""
    sums: Counter[str] = Counter()
    for op, flops, part in zip(trace.ops, counted.per_op, parts_of_ops(trace), strict=True):
        if op.phase == "forward" and belongs_to_model(op, trace):
            is_fused_layer = part == "attention" and 0 < flops.plain < flops.total
            sums["feed_forward" if is_fused_layer else part] += flops.plain
            sums[part] += flops.total - flops.plain
    return sums


probe = Probe(name="flops", depth="static", metrics=FLOP_METRICS, run=_run)
