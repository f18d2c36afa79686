"""Whether gradients vanish or explode on their way back through the layers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import exp, log, sqrt

from attnprobe.probes.gradient_flow.collecting import Collected, without_backward
from attnprobe.probes.gradient_flow.line import fitted
from attnprobe.records import AttentionSite, Metric, Probe, ProbeResult, Subject

_FEWEST = 4  # layers; with fewer a slope says nothing
_LAYERS = (
    "Layers are the sites of one group (alike but for the numbers in their names) in the order in which they "
    "run; every site carries its group's number, the model that of its largest group. "
)


def _series(name: str, what: str, formula: str) -> tuple[Metric, Metric, Metric]:
    source = "Glorot and Bengio 2010 (gradients by layer); Xiong et al. 2020, arXiv:2002.04745"
    return (
        Metric(
            name=f"{name}_gradient_factor",
            title=f"Factor per layer of the gradient of {what}, towards the input",
            unit="1",
            level="site",
            exactness="exact",
            method=f"exp(-slope) of the least-squares line of ln g against depth, g = {formula}. Below 1 "
            f"the gradient vanishes on its way back, above 1 it explodes. {_LAYERS}",
            source=source,
            not_said="A line is not the curve: see the norms of the layers. Adam rescales every gradient.",
            topic="gradients",
            headline=name == "value_output",
        ),
        Metric(
            name=f"{name}_gradient_factor_error",
            title=f"Uncertainty of the factor per layer of the gradient of {what}",
            unit="1",
            level="site",
            exactness="exact",
            method="Standard error of that line's slope: the factor is known within a factor of exp(± this).",
            source=source,
            not_said="Whether a line is the right curve.",
            topic="gradients",
        ),
        Metric(
            name=f"{name}_gradient_first_to_last",
            title=f"Gradient of {what}: first layer over last",
            unit="1",
            level="site",
            exactness="exact",
            method=f"g of the first layer / g of the last, g = {formula}. {_LAYERS}",
            source=source,
            not_said="What happens in between.",
            topic="gradients",
        ),
    )


_FORMULAS = {
    "query_key": ("query and key projections", "√(‖∂q_proj‖ ‖∂k_proj‖)"),
    "value_output": ("value and output projections", "√(‖∂v_proj‖ ‖∂o_proj‖)"),
    "head_output": ("head outputs", "the root mean square over tokens of ‖∂output‖"),
}
_READ = {
    "query_key": ("q_proj_gradient_norm", "k_proj_gradient_norm"),
    "value_output": ("v_proj_gradient_norm", "o_proj_gradient_norm"),
    "head_output": ("output_gradient_norm", "output_gradient_norm"),
}
METRICS = tuple(metric for name, text in _FORMULAS.items() for metric in _series(name, *text))


def _run(subject: Subject) -> ProbeResult:
    gaps = without_backward(subject.trace, METRICS)
    if gaps is not None:
        return gaps
    groups: dict[str, list[AttentionSite]] = {}
    for site in subject.trace.sites:
        groups.setdefault(site.group, []).append(site)
    collected = Collected()
    largest = max(groups.values(), key=len, default=[])
    for sites in groups.values():
        for name in _FORMULAS:
            places = [site.id for site in sites] + [""] * (sites is largest)
            _add(collected, name, places, profile(subject.known, sites, name))
    if not largest:
        collected.missing((metric.name for metric in METRICS), "", "no attention was found")
    return collected.result()


def profile(
    known: Mapping[tuple[str, str], float | None], sites: Sequence[AttentionSite], name: str
) -> Sequence[float] | str:
    """The gradient of each layer of a group, first layer first; or why there is none."""
    one, other = _READ[name]
    if name != "head_output" and _is_shared(sites):
        return "its layers share their weights"
    if len(sites) < _FEWEST:
        return f"a slope over depth needs {_FEWEST} layers that are alike; there are {len(sites)}"
    pairs = [(known.get((one, site.id)), known.get((other, site.id))) for site in sites]
    norms = [sqrt(a) * sqrt(b) for a, b in pairs if a is not None and b is not None]
    if len(norms) < len(sites):
        return f"the gradient is known for {len(norms)} of {len(sites)} layers"
    zero = sum(norm == 0 for norm in norms)
    return f"the gradient is exactly zero in {zero} of {len(sites)} layers" if zero else norms


def _is_shared(sites: Sequence[AttentionSite]) -> bool:
    known = [tuple(sorted(site.projections.items())) for site in sites if site.projections]
    return len(set(known)) < len(known)


def factor_of(norms: Sequence[float]) -> tuple[float, float]:
    """Factor per layer towards the input, and the standard error of its logarithm."""
    line = fitted(range(len(norms)), [log(norm) for norm in norms])
    return exp(-line.slope), line.slope_error


def _add(collected: Collected, name: str, places: Sequence[str], found: Sequence[float] | str) -> None:
    metrics = [f"{name}_gradient_{part}" for part in ("factor", "factor_error", "first_to_last")]
    if isinstance(found, str):
        for place in places[-1:] if "" in places else places:  # the model's gap speaks for its largest group
            collected.missing(metrics, place, found)
        return
    values = (*factor_of(found), found[0] / found[-1])
    add: Callable[[str, str, float], None] = collected.add
    for place in places:
        for metric, value in zip(metrics, values, strict=True):
            add(metric, place, value)


probe = Probe(
    name="gradient_depth",
    depth="measured",
    metrics=METRICS,
    run=_run,
    after=("gradients", "projection_gradients"),
)
