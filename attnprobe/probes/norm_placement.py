"""Where the normalisation of an attention block stands: before the projections, after the sum, or nowhere."""

from __future__ import annotations

from attnprobe.records import Measurement, Metric, NotMeasured, Probe, ProbeResult, Stream, Subject, Trace

PLACES = ("none", "pre", "post", "both")

METRICS = (
    Metric(
        name="norm_placement",
        title="Where the block is normalised",
        unit="1",
        level="site",
        exactness="exact",
        method="From the op graph. pre: between the residual stream and the projections; post: after the "
        "output "
        "projection or after the sum; both: before the projections and after the output projection; none.",
        source="Xiong et al. 2020, arXiv:2002.04745",
        not_said="A normalisation of queries and keys alone does not count.",
        topic="structure",
        labels=PLACES,
    ),
    Metric(
        name="has_scaled_residual",
        title="Whether what the attention adds is multiplied by a constant",
        unit="1",
        level="site",
        exactness="exact",
        method="1 where, in the op graph, the last thing that happens to the branch before the residual "
        "sum is "
        "a product with a number or with a parameter; else 0.",
        source="LayerScale: Touvron et al. 2021, arXiv:2103.17239; 1/√depth: Noci et al. 2022, "
        "arXiv:2206.03126",
        not_said="Which number. A factor on the other addend (DeepNorm), or folded into weights, is not "
        "seen.",
        topic="structure",
    ),
)
_PASSED = frozenset(
    {"view", "_unsafe_view", "reshape", "clone", "transpose", "permute", "_to_copy", "native_dropout"}
)
_SCALES = frozenset({"mul", "div", "mul_", "div_"})


def _run(subject: Subject) -> ProbeResult:
    measured, missing = [], []
    for index, site in enumerate(subject.trace.sites):
        stream = subject.trace.streams[index] if subject.trace.streams else None
        if stream is None or stream.has_residual is None or stream.entry is None:
            reason = "the hidden states round it could not be told"
            missing += [NotMeasured(metric=metric.name, site=site.id, reason=reason) for metric in METRICS]
            continue
        place, is_scaled = PLACES.index(stream.norm), _is_scaled(subject.trace, stream)
        measured.append(Measurement(metric="norm_placement", site=site.id, value=place))
        measured.append(Measurement(metric="has_scaled_residual", site=site.id, value=int(is_scaled)))
    return ProbeResult(measurements=tuple(measured), not_measured=tuple(missing))


def _is_scaled(trace: Trace, stream: Stream) -> bool:
    """Whether the branch was multiplied by a constant, or by a parameter, right before the sum."""
    tensor = stream.branch
    for op in reversed(trace.ops[: trace.forward_end]):
        if tensor is None:
            return False
        if tensor not in op.outputs or not op.inputs:
            continue
        name = op.name.split(".")[1]
        if name in _SCALES:
            others = [trace.tensors[other] for other in op.inputs[1:]]
            return all(other.origin.startswith("parameter:") or other.numel == 1 for other in others)
        tensor = op.inputs[0] if name in _PASSED else None
    return False


probe = Probe(name="norm_placement", depth="static", metrics=METRICS, run=_run)
