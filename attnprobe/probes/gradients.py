"""Gradients of the loss for queries, keys, values and head outputs, head by head."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from typing import Any

from attnprobe.probes.gradient_flow.collecting import NO_GRADIENT, Collected, without_backward
from attnprobe.records import AttentionSite, Metric, Probe, ProbeResult, Subject

_ROLES = {"query": "queries", "key": "keys", "value": "values", "output": "head outputs"}
_SCALE = (
    "Its size alone: it scales with the loss, with the number of tokens that the loss averages over, and "
    "with the data. Compare it between heads, layers and scans of one workload."
)


def _norm_metric(role: str, plural: str) -> Metric:
    shared = " A key-value head that several heads share is shown for each of them." * (
        role in ("key", "value")
    )
    return Metric(
        name=f"{role}_gradient_norm",
        title=f"Norm of the gradient of the {plural}",
        unit="1",
        level="head",
        exactness="exact",
        method=f"Root mean square over tokens and samples of ‖∂loss/∂{role}‖ of one token, padding left out; "
        f"the site's is that of all heads together.{shared}",
        source="Xiong et al. 2020, arXiv:2002.04745 (gradients by layer)",
        not_said=_SCALE,
        needs_data=True,
        topic="gradients",
    )


def _share_metric(role: str, plural: str) -> Metric:
    return Metric(
        name=f"{role}_gradient_share",
        title=f"Each head's share of the layer's gradient of the {plural}",
        unit="1",
        level="head",
        exactness="exact",
        method=f"Σ‖∂loss/∂{role}‖² of a head / that of all heads of the site; the site's number is the "
        "largest share. Even: 1 / number of heads.",
        not_said="A small share is not a useless head: see its importance.",
        # How a layer's gradient divides among its heads follows from their weights far more than from tokens.
        needs_data=False,
        topic="gradients",
    )


METRICS = (
    *(_norm_metric(role, plural) for role, plural in _ROLES.items()),
    _share_metric("query", "queries"),
    _share_metric("output", "head outputs"),
)


def _watch(subject: Subject) -> Any:
    from attnprobe.probes.gradient_flow.activation_watcher import ActivationGradients

    return ActivationGradients()


def _run(subject: Subject) -> ProbeResult:
    gaps = without_backward(subject.trace, METRICS)
    if gaps is not None:
        return gaps
    sums, collected = subject.watched["gradients"].sums, Collected()
    for index, site in enumerate(subject.trace.sites):
        for role in _ROLES:
            squares, tokens = sums.get(index, f"{role} squares"), sums.get(index, f"{role} tokens")
            if squares is None or not float(tokens):
                names = (f"{role}_gradient_norm", f"{role}_gradient_share")
                known = [metric.name for metric in METRICS if metric.name in names]
                collected.missing(known, site.id, NO_GRADIENT)
                continue
            groups = sums.get(index, "groups")
            _add(collected, site, role, squares.tolist(), float(tokens), groups)
    return collected.result()


def _add(
    collected: Collected, site: AttentionSite, role: str, squares: Sequence[float], tokens: float, groups: Any
) -> None:
    own = [sqrt(square / tokens) for square in squares]
    if role in ("key", "value") and groups is not None and len(groups) != len(own):
        own = [own[int(group)] for group in groups.tolist()]
    collected.add(f"{role}_gradient_norm", site.id, sqrt(sum(squares) / tokens), own)
    if role in ("key", "value"):
        return
    if len(squares) < 2:
        reason = "it has one head"
    elif not sum(squares):
        reason = "its gradient is exactly zero"
    else:
        shares = [square / sum(squares) for square in squares]
        collected.add(f"{role}_gradient_share", site.id, max(shares), shares)
        return
    collected.missing((f"{role}_gradient_share",), site.id, reason)


probe = Probe(name="gradients", depth="measured", metrics=METRICS, run=_run, watch=_watch)
