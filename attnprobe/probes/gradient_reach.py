"""Does a token still influence the output? The gradient of one output position along the sequence."""

from __future__ import annotations

from typing import Any

from attnprobe.probes.gradient_flow.collecting import Collected, without_backward
from attnprobe.records import Metric, Probe, ProbeResult, Subject

_WHAT = (
    "g_i = ‖∂(v · output)/∂(hidden state of token i)‖ at the hidden states that the site starts from, with "
    "one random v and one output position per sample: the last one of causal models, a random one of others. "
    "Padding, and what a causal model cannot see, is left out. Mean over samples. "
)
_SOURCE = "Barbero et al. 2024, arXiv:2406.04267 (over-squashing: ‖∂y_n/∂x_i‖)"
_FEW = "Other output positions; few samples make it noisy."
_FLAT = " Distance is counted along the order of the tokens, also for images."


def _metric(name: str, title: str, formula: str, unit: str = "1", not_said: str = _FEW) -> Metric:
    return Metric(
        name=name,
        title=title,
        unit=unit,
        level="site",
        exactness="sampled",
        method=f"{formula} {_WHAT}",
        source=_SOURCE,
        not_said=not_said,
        needs_data=True,
        topic="gradients",
    )


METRICS = (
    _metric(
        "gradient_beyond_half",
        "Share of the gradient that comes from farther than half the sequence",
        "Σ g_i over distances > T/2 / Σ g_i; T is the number of tokens that count.",
        not_said=_FEW + _FLAT,
    ),
    _metric(
        "gradient_beyond_quarter",
        "Share of the gradient that comes from farther than a quarter of the sequence",
        "Σ g_i over distances > T/4 / Σ g_i; T is the number of tokens that count.",
        not_said=_FEW + _FLAT,
    ),
    _metric(
        "gradient_distance",
        "Mean distance that the gradient comes from",
        "Σ g_i · distance_i / Σ g_i.",
        unit="token",
        not_said=_FEW + _FLAT,
    ),
    _metric(
        "gradient_distance_90",
        "Distance within which 90 % of the gradient lies",
        "The smallest d with Σ g_i over distances ≤ d at least 0.9 Σ g_i.",
        unit="token",
        not_said=_FEW + _FLAT,
    ),
    _metric(
        "gradient_first_to_last_tokens",
        "Influence of the first eighth of the tokens over that of the last eighth",
        "Mean g_i over the first T/8 tokens / the same over the last.",
    ),
    _metric(
        "first_tokens_influence",
        "Influence of the first four tokens against the mean token",
        "Mean g_i over the first four tokens / mean g_i over all.",
    ),
    _metric(
        "unreached_position_share",
        "Share of tokens that do not influence the output",
        "Tokens with g_i below a thousandth of the mean g_i / all tokens; the model's is its first site's.",
        not_said=_FEW + " A token that one position does not read may be read by another.",
    ),
)
_LOCATED = {
    "gradient_beyond_half": "beyond half",
    "gradient_beyond_quarter": "beyond quarter",
    "gradient_distance": "distance",
    "gradient_distance_90": "held",
}


def _watch(subject: Subject) -> Any:
    from attnprobe.probes.gradient_flow.reach_watcher import Reach

    return Reach(subject.trace)


def _run(subject: Subject) -> ProbeResult:
    gaps = without_backward(subject.trace, METRICS)
    if gaps is not None:
        return gaps
    sums, collected = subject.watched["gradient_reach"].sums, Collected()
    reasons = {index: _gap(sums, index) for index in range(len(subject.trace.sites))}
    if all(reasons.values()) and len(set(reasons.values())) == 1:  # one gap says it for all
        collected.missing((metric.name for metric in METRICS), "", reasons[0])
        return collected.result()
    for index, site in enumerate(subject.trace.sites):
        reason = reasons[index]
        if reason:
            collected.missing((metric.name for metric in METRICS), site.id, reason)
        else:
            _add(collected, sums, index, site.id)
    _add_model(collected)
    return collected.result()


def _gap(sums: Any, index: int) -> str:
    if sums.get(index, "samples") is not None:
        return ""
    reasons = {
        "another sequence": "its tokens are not those of the output",
        "not finite": "its gradient holds NaN or infinity",
        "zero": "the gradient that reaches it is exactly zero",
        "short": "there is one token",
    }
    known = (reason for name, reason in reasons.items() if sums.get(index, name) is not None)
    return next(known, "the hidden states that it starts from were not found, or have no gradient")


def _add(collected: Collected, sums: Any, index: int, site: str) -> None:
    samples = float(sums.get(index, "samples"))
    collected.add("unreached_position_share", site, float(sums.get(index, "unreached")) / samples)
    collected.add("first_tokens_influence", site, float(sums.get(index, "first tokens")) / samples)
    first, last = sums.get(index, "ends").tolist()
    if last:
        collected.add("gradient_first_to_last_tokens", site, first / last)
    else:
        reason = "the last eighth of the tokens has no gradient"
        collected.missing(("gradient_first_to_last_tokens",), site, reason)
    located = sums.get(index, "located")
    for metric, name in _LOCATED.items():
        if located is None:
            collected.missing((metric,), site, "the output has no positions")
        else:
            collected.add(metric, site, float(sums.get(index, name)) / float(located))


def _add_model(collected: Collected) -> None:
    shares = collected.values("unreached_position_share")
    if shares:
        collected.add("unreached_position_share", "", shares[0])
    else:
        reason = "it is known for no attention of this model"
        collected.missing(("unreached_position_share",), "", reason)


probe = Probe(name="gradient_reach", depth="measured", metrics=METRICS, run=_run, watch=_watch)
