"""How much the output, or the loss, moves when a head is taken away: to first order, all heads at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attnprobe.probes.heads.gathering import Gathered
from attnprobe.records import Metric, Probe, ProbeResult, Subject

if TYPE_CHECKING:
    from attnprobe.observing.sums import Sums

_GATE = "ξ is a factor on the head's output z, so v · ∂f/∂ξ = Σ z · ∂(v · f)/∂z over queries and width. "

METRICS = (
    Metric(
        name="head_importance",
        title="Importance of a head without labels",
        unit="1",
        level="head",
        exactness="sampled",
        method="√(E (v · ∂f/∂ξ)² / E ‖f‖²) over samples and random v ~ N(0, I): the relative change of the "
        f"output f when the head is removed, to first order. {_GATE}The first output of the model counts, at "
        "all of its positions; in batches of 2,048 tokens or more that have a loss of their own, at one "
        "position per sample, scaled to all. The site's number is the mean over heads.",
        source="The Gauss-Newton diagonal of ½‖f(ξ) - f(1)‖²; ∂/∂ξ as Michel, Levy and Neubig 2019, "
        "arXiv:1905.10650. Its order agrees with true ablation on a trained sentence encoder (Spearman "
        "0.98).",
        not_said="One head at a time: copies can each look important though one of them would do. A large "
        "change is not a worse model.",
        needs_data=True,
        topic="heads",
        headline=True,
    ),
    Metric(
        name="head_importance_error",
        title="Standard error of the importance without labels",
        unit="1",
        level="head",
        exactness="sampled",
        method="Of the mean of (v · ∂f/∂ξ)² over samples and directions, carried through the square root. "
        "The site's number is the mean over heads.",
        not_said="Other data: the samples are taken as drawn from what is to be judged.",
        needs_data=True,
        topic="heads",
    ),
    Metric(
        name="head_importance_share",
        title="Share of a head in the importance of all heads of the model",
        unit="1",
        level="head",
        exactness="sampled",
        method="E (v · ∂f/∂ξ)² of the head / the sum over all heads of all sites. The site's number is the "
        "mean over heads, so that it does not grow with their number.",
        not_said="Shares of squares: half the effect is a quarter of the share.",
        needs_data=True,
        topic="heads",
    ),
    Metric(
        name="head_importance_draws",
        title="Samples times directions behind the importance",
        unit="1",
        level="model",
        exactness="exact",
        method="Number of samples · number of random directions, at the site with the fewest.",
        not_said="Four passages with four directions order the heads of a small encoder with Spearman 0.93.",
        needs_data=True,
        topic="heads",
    ),
    Metric(
        name="head_loss_importance",
        title="Importance of a head for the loss",
        unit="1",
        level="head",
        exactness="exact",
        method="E |z · ∂L/∂z| over samples (windows of one sample added up first), in units of the loss, "
        "for a loss that averages over the batch. Not normalised by layer. The site's number is the mean "
        "over heads.",
        source="Michel, Levy and Neubig 2019, arXiv:1905.10650, equation 2.",
        not_said="Nothing where the loss is near its minimum: it then goes to zero for every head.",
        needs_data=True,
        topic="heads",
    ),
)
_LABEL_FREE = tuple(metric.name for metric in METRICS[:3])


def _watch(subject: Subject) -> Any:
    from attnprobe.probes.heads.importance import ImportanceWatcher

    return ImportanceWatcher()


def _run(subject: Subject) -> ProbeResult:
    gathered = Gathered()
    if not subject.trace.backward:
        gathered.missing((metric.name for metric in METRICS), "", "the scan ran no backward pass")
        return gathered.result()
    sums: Sums = subject.watched["head_importance"].sums
    _without_labels(subject, sums, gathered)
    _with_a_loss(subject, sums, gathered)
    return gathered.result()


def _without_labels(subject: Subject, sums: Sums, gathered: Gathered) -> None:
    from attnprobe.probes.heads.importance import importances, squared_importances, standard_errors

    squared = {index: squared_importances(sums, index) for index in range(len(subject.trace.sites))}
    total = sum(float(values.sum()) for values in squared.values() if values is not None)
    for index, site in enumerate(subject.trace.sites):
        own, found = squared[index], importances(sums, index)
        if own is None or found is None:
            reason = "no gradient of the main output reached its heads, or the output is zero"
            gathered.missing(_LABEL_FREE, site.id, reason)
            continue
        gathered.heads("head_importance", site.id, found.tolist())
        gathered.heads(
            "head_importance_share", site.id, (own / total).tolist(), "no head moves the output at all"
        )
        errors = standard_errors(sums, index)
        if errors is None:
            gathered.missing(("head_importance_error",), site.id, "one draw has no standard error")
        else:
            gathered.heads("head_importance_error", site.id, errors.tolist())
    draws = [float(value) for i in squared if (value := sums.get(i, "draws")) is not None]
    if draws:
        gathered.number("head_importance_draws", "", min(draws))
    else:
        reason = "no output of the model is a floating tensor with a gradient"
        gathered.missing(("head_importance_draws",), "", reason)


def _with_a_loss(subject: Subject, sums: Sums, gathered: Gathered) -> None:
    from attnprobe.probes.heads.importance import MODEL, loss_importances

    if sums.get(MODEL, "batches with a loss") is None:
        reason = "there is no loss: give `loss(outputs, inputs)`, or labels to a model with a loss of its own"
        gathered.missing(("head_loss_importance",), "", reason)
        return
    for index, site in enumerate(subject.trace.sites):
        found = loss_importances(sums, index)
        if found is None:
            gathered.missing(("head_loss_importance",), site.id, "no gradient of the loss reached its heads")
        else:
            gathered.heads("head_loss_importance", site.id, found.tolist())


probe = Probe(name="head_importance", depth="measured", metrics=METRICS, run=_run, watch=_watch)
