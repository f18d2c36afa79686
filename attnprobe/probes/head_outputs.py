"""What each head gives back: how many directions of its width it uses, how much it adds to the stream."""

from __future__ import annotations

from math import sqrt
from typing import TYPE_CHECKING, Any

from attnprobe.probes.heads.gathering import Gathered
from attnprobe.records import Metric, Probe, ProbeResult, Subject

if TYPE_CHECKING:
    from attnprobe.observing.sums import Sums

METRICS = (
    Metric(
        name="head_output_effective_rank",
        title="Effective rank of a head's output",
        unit="1",
        level="head",
        exactness="sampled",
        method="exp(-Σ π log π) with π = λ / Σ λ, of the eigenvalues λ of the covariance of the head's "
        "output z over at most 2,048 real tokens of a batch: between 1 and value_dim. The site's number "
        "is the mean over heads.",
        source="Roy and Vetterli 2007; Garrido et al. 2023, arXiv:2210.02885 (who take singular values).",
        not_said="Importance: in a trained encoder heads of low rank matter more. Bounded by the tokens.",
        needs_data=True,
        topic="heads",
    ),
    Metric(
        name="head_contribution",
        title="What a head adds to the residual stream, against what is there",
        unit="1",
        level="head",
        exactness="sampled",
        method="√(E ‖W_O z‖² / E ‖x‖²): z is the head's output, W_O its part of the output projection "
        "without the bias, x the stream that the site starts from; real tokens. 0: the head is dead. The "
        "site's number is the mean over heads.",
        source="Kobayashi et al. 2020, arXiv:2004.10102.",
        not_said="A scale, gate or dropout between the projection and the stream is not counted. "
        "Contributions of several heads can cancel.",
        needs_data=True,
        topic="heads",
        headline=True,
    ),
    Metric(
        name="head_contribution_share",
        title="Share of a head in what the heads of its layer add",
        unit="1",
        level="head",
        exactness="sampled",
        method="E ‖W_O z‖² of the head / the sum over the heads of its site. The site's number is the mean "
        "over heads, one over their number.",
        source="After Kobayashi et al. 2020, arXiv:2004.10102.",
        not_said="Whether it is used by what follows.",
        needs_data=True,
        topic="heads",
    ),
    Metric(
        name="head_output_share",
        title="Share of a head in the size of the outputs, before the projection",
        unit="1",
        level="head",
        exactness="sampled",
        method="E ‖z‖² of the head / the sum over the heads of its site. The site's number is the mean over "
        "heads, one over their number.",
        not_said="What the output projection makes of it: see head_contribution_share.",
        needs_data=True,
        topic="heads",
    ),
)
_NOT_SEEN = "the outputs of its heads were not seen"
_DEAD = "its heads give nothing at all"


def _watch(subject: Subject) -> Any:
    from attnprobe.probes.heads.outputs import OutputWatcher

    return OutputWatcher()


def _run(subject: Subject) -> ProbeResult:
    from attnprobe.probes.heads.outputs import effective_ranks, squared_norms

    assert subject.model is not None
    gathered, sums = Gathered(), subject.watched["head_outputs"].sums
    parameters = dict(subject.model.module.named_parameters(remove_duplicate=False))
    for index, site in enumerate(subject.trace.sites):
        ranks, sizes = effective_ranks(sums, index), squared_norms(sums, index)
        if ranks is None or sizes is None:
            gathered.missing((metric.name for metric in METRICS), site.id, _NOT_SEEN)
            continue
        gathered.heads(
            "head_output_effective_rank", site.id, ranks.tolist(), "the outputs of its heads are constant"
        )
        gathered.heads("head_output_share", site.id, (sizes / sizes.sum()).tolist(), _DEAD)
        _contributions(gathered, subject, sums, index, parameters)
    return gathered.result()


def _contributions(
    gathered: Gathered, subject: Subject, sums: Sums, index: int, parameters: dict[str, Any]
) -> None:
    from attnprobe.probes.heads.outputs import output_weight, squared_contributions, squared_entry

    site = subject.trace.sites[index].id
    weight = output_weight(subject.trace, index, parameters)
    both = ("head_contribution", "head_contribution_share")
    if isinstance(weight, str):
        gathered.missing(both, site, f"{weight}; head_output_share says what comes before it")
        return
    squares = squared_contributions(sums, index, weight)
    if squares is None:
        gathered.missing(both, site, "its output projection does not fit the outputs of its heads")
        return
    gathered.heads("head_contribution_share", site, (squares / squares.sum()).tolist(), _DEAD)
    entry = squared_entry(sums, index)
    if not entry:
        reason = "the residual stream before it was not seen, or is zero"
        gathered.missing(("head_contribution",), site, reason)
        return
    gathered.heads("head_contribution", site, [sqrt(max(s, 0.0) / entry) for s in squares.tolist()])


probe = Probe(name="head_outputs", depth="measured", metrics=METRICS, run=_run, watch=_watch)
