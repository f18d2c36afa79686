"""Gradients of the parameters that make queries, keys, values and outputs, against their weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import sqrt
from statistics import fmean
from typing import Any

from attnprobe.probes.gradient_flow.collecting import NO_GRADIENT, Collected, without_backward
from attnprobe.probes.gradient_flow.layouts import PROJECTIONS
from attnprobe.probes.gradient_flow.projection_sums import RoleNumbers, of_site
from attnprobe.records import Metric, Probe, ProbeResult, Subject

_BLOCKS = (
    "A head's block: the rows that make its queries, keys or values, the columns of o_proj that read its "
    "output; heads lie one after another. Weights only, no biases. Over batches: root mean square. "
)
_TIED = "Of a module that is called several times, and of tied weights, it is the sum over all uses."
RATIO = "query_key_gradient_ratio"
RMS = "smallest_projection_gradient_rms"
DEAD = "dead_projection_share"


def _norm_metrics(role: str, name: str) -> tuple[Metric, Metric]:
    return (
        Metric(
            name=f"{name}_gradient_norm",
            title=f"Norm of the gradient of {name}",
            unit="1",
            level="head",
            exactness="exact",
            method=f"‖∂loss/∂{name}‖ (Frobenius). {_BLOCKS}",
            source="Xiong et al. 2020, arXiv:2002.04745",
            not_said=f"It scales with the loss. {_TIED}",
            topic="gradients",
        ),
        Metric(
            name=f"{name}_gradient_to_weight",
            title=f"Gradient of {name} relative to its weight",
            unit="1",
            level="head",
            exactness="exact",
            method=f"‖∂loss/∂{name}‖ / ‖{name}‖ (Frobenius). {_BLOCKS}",
            not_said=f"The step that an optimizer makes: Adam rescales every gradient. {_TIED}",
            topic="gradients",
        ),
    )


METRICS = (
    *(metric for role, name in PROJECTIONS.items() for metric in _norm_metrics(role, name)),
    Metric(
        name=RATIO,
        title="Relative gradient of query and key projections against value and output projections",
        unit="1",
        level="head",
        exactness="exact",
        method="√(r_q r_k) / √(r_v r_o) with r = ‖gradient‖ / ‖weight‖ of each projection; the model's is "
        "the smallest of its sites. Scaling q against k leaves it as it is.",
        source="Consequence of Noci et al. 2022, arXiv:2206.03126: under rank collapse the gradients of "
        "queries and keys vanish, those of values do not",
        not_said="Which of the two is at fault; about 1e-2 to 0.2 was seen in healthy models, below 1e-6 in "
        "collapsed ones.",
        topic="gradients",
        headline=True,
    ),
    Metric(
        name=RMS,
        title="Smallest root mean square gradient among the four projections",
        unit="1",
        level="site",
        exactness="exact",
        method="min over q, k, v, o of ‖gradient‖ / √(number of weights); the model's is the "
        "smallest of its sites.",
        source="Wortsman et al. 2023, arXiv:2309.14322: below the ε of Adam (1e-8 by default) updates shrink",
        not_said="Which ε the optimizer has. With loss scaling or another loss it is another number.",
        topic="gradients",
    ),
    Metric(
        name=DEAD,
        title="Share of the projections' features whose gradient was exactly zero in every batch",
        unit="1",
        level="head",
        exactness="exact",
        method="Features of a head: rows of its q, k, v blocks and columns of its o block. Dead: no weight "
        "of the feature had a gradient other than 0 in any batch. The model's is the mean over its sites.",
        not_said="Few batches, or a loss that reads a part of the outputs only, leave features at zero that "
        "other data would move.",
        # An exact zero comes of structure, zero weights or underflow, whatever the tokens are.
        needs_data=False,
        topic="gradients",
    ),
)


def _watch(subject: Subject) -> Any:
    from attnprobe.probes.gradient_flow.parameter_watcher import ParameterGradients

    return ParameterGradients(subject.trace)


def _run(subject: Subject) -> ProbeResult:
    return subject_numbers(subject, subject.watched["projection_gradients"].sums)


def subject_numbers(subject: Subject, sums: Any) -> ProbeResult:
    """Every metric from what a watcher has kept."""
    gaps = without_backward(subject.trace, METRICS)
    if gaps is not None:
        return gaps
    collected = Collected()
    for index, site in enumerate(subject.trace.sites):
        roles = of_site(sums, index, site.num_heads)
        for role, name in PROJECTIONS.items():
            if role in roles:
                _add_role(collected, site.id, name, roles[role])
            else:
                reason = (
                    NO_GRADIENT if site.projections.get(role) else f"no parameter of its {name} was found"
                )
                collected.missing((f"{name}_gradient_norm", f"{name}_gradient_to_weight"), site.id, reason)
        _add_site(collected, site.id, roles)
    _add_model(collected)
    return collected.result()


def _add_role(collected: Collected, site: str, name: str, found: RoleNumbers) -> None:
    collected.add(f"{name}_gradient_norm", site, sqrt(sum(found.squares)), found.by_head(found.norms))
    metric = f"{name}_gradient_to_weight"
    if found.ratio is None:
        collected.missing((metric,), site, "its weights are all zero")
    else:
        collected.add(metric, site, found.ratio, found.by_head(found.ratios))


def _add_site(collected: Collected, site: str, roles: Mapping[str, RoleNumbers]) -> None:
    if not roles:
        collected.missing((RATIO, RMS, DEAD), site, NO_GRADIENT)
        return
    collected.add(RMS, site, min(found.rms for found in roles.values()))
    collected.add(DEAD, site, _dead(roles), _dead_by_head(roles))
    reason, value = _ratio([roles[role].ratio if role in roles else None for role in PROJECTIONS])
    if reason:
        collected.missing((RATIO,), site, reason)
    else:
        collected.add(RATIO, site, value, _ratio_by_head(roles))


def _ratio(relative: Sequence[float | None]) -> tuple[str, float]:
    """Of query, key, value, output; or why it is not known."""
    query, key, value, output = relative
    if query is None or key is None or value is None or output is None:
        return "it needs the gradients and the weights of all four projections", 0.0
    if not value * output:
        return "the gradient of v_proj or o_proj is exactly zero", 0.0
    return "", sqrt(query) * sqrt(key) / (sqrt(value) * sqrt(output))


def _ratio_by_head(roles: Mapping[str, RoleNumbers]) -> tuple[float, ...]:
    """() unless every projection is known by head; NaN (not known) where a head's values get no gradient."""
    columns = [roles[role].by_head(roles[role].ratios) for role in PROJECTIONS]
    if not all(columns):
        return ()
    found = [_ratio(heads) for heads in zip(*columns, strict=True)]
    return tuple(float("nan") if reason else value for reason, value in found)


def _dead(roles: Mapping[str, RoleNumbers]) -> float:
    features = [feature for found in roles.values() for head in found.is_dead for feature in head]
    return fmean(features)


def _dead_by_head(roles: Mapping[str, RoleNumbers]) -> tuple[float, ...]:
    columns = [found.by_head([fmean(head) for head in found.is_dead]) for found in roles.values()]
    return tuple(fmean(heads) for heads in zip(*columns, strict=True)) if all(columns) else ()


def _add_model(collected: Collected) -> None:
    for metric, reduce in ((RATIO, min), (RMS, min), (DEAD, fmean)):
        values = collected.values(metric)
        if values:
            collected.add(metric, "", reduce(values))


probe = Probe(name="projection_gradients", depth="measured", metrics=METRICS, run=_run, watch=_watch)
