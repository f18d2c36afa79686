"""The forward FLOPs counted a second time, by fvcore: another mechanism (a traced graph), other formulas."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING

from attnprobe.errors import ModelError
from attnprobe.probes.counting.tally import count, flops_by_module
from attnprobe.probes.fvcore_handles.differences import module_differences, unsupported_ops
from attnprobe.records import CrossCheck, Measurement, Metric, NotMeasured, Probe, ProbeResult, Subject

if TYPE_CHECKING:
    from attnprobe.probes.fvcore_handles.analysis import SecondCount

METRIC = Metric(
    name="flops_second_count",
    title="FLOPs of the forward pass, counted by fvcore",
    unit="FLOP",
    level="model",
    exactness="exact",
    method="fvcore's FlopCountAnalysis on a traced graph, with handles of ours for fused attention, grouped "
    "products, recurrent layers and einsum; its multiply-adds doubled; norms and resampling left out.",
    source="https://github.com/facebookresearch/fvcore",
    not_said="Agreement does not prove both right: ops that neither counts are listed as unknown.",
)
TOLERANCE = 0.01


def _run(subject: Subject) -> ProbeResult:
    ours = subject.known.get(("flops_forward", ""))
    if subject.model is None or subject.model.is_fake:
        return _missing("it needs a run on real weights; the scan was static")
    if not ours:
        return _missing("there is no first count to compare it with")
    from attnprobe.borrowing import borrowed  # late, as everything of torch's: the dictionary stays light
    from attnprobe.probes.fvcore_handles.analysis import count_with_fvcore

    try:
        with borrowed(subject.model.module, train=subject.options.train):
            second = count_with_fvcore(subject.model)
    except ModelError as error:
        return _missing(error.message)
    return ProbeResult(
        measurements=(Measurement(metric=METRIC.name, site="", value=second.total),),
        cross_checks=(_compare(subject, ours, second),),
    )


def _compare(subject: Subject, ours: float, second: SecondCount) -> CrossCheck:
    difference = (second.total - ours) / ours
    return CrossCheck(
        counter=f"fvcore {version('fvcore')}",
        metric="flops_forward",
        ours=ours,
        theirs=second.total,
        difference=difference,
        explanation=_explanation(subject, difference, second),
    )


def _explanation(subject: Subject, difference: float, second: SecondCount) -> str:
    sentences = ["The two agree." if not difference else f"They differ by {difference:+.2%}."]
    if difference:
        by_module = {
            name: forward
            for name, (forward, _) in flops_by_module(subject.trace, count(subject.trace)).items()
        }
        parts = module_differences(by_module, second.by_module)
        sentences += [f"{part}." for part in parts]
    if second.unsupported:
        what = "may explain it" if abs(difference) > TOLERANCE else "cost no products, or too few to matter"
        sentences.append(f"Ops without a handle in fvcore ({what}): {unsupported_ops(second.unsupported)}.")
    return " ".join(sentences)


def _missing(reason: str) -> ProbeResult:
    return ProbeResult(not_measured=(NotMeasured(metric=METRIC.name, site="", reason=reason),))


probe = Probe(name="second_count", depth="measured", metrics=(METRIC,), run=_run, after=("flops",))
