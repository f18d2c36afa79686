"""How much the gradient varies between batches, and the norm to clip at that this suggests."""

from __future__ import annotations

from math import sqrt
from typing import Any

from attnprobe.probes.gradient_flow.collecting import Collected, without_backward
from attnprobe.records import Metric, Probe, ProbeResult, Subject

_FEWEST = 3
_MANY = 10
_NORM = "‖∂loss/∂θ‖ over all parameters of the model, of one batch"


def _metric(name: str, title: str, method: str, not_said: str, unit: str = "1") -> Metric:
    return Metric(
        name=name,
        title=title,
        unit=unit,
        level="model",
        exactness="exact",
        method=method,
        source="Pascanu et al. 2013, arXiv:1211.5063 (clipping by the norm, at a typical one)",
        not_said=not_said,
        needs_data=True,
        topic="gradients",
    )


METRICS = (
    _metric(
        "gradient_norm",
        "Norm of the gradient of all parameters",
        f"Mean over batches of {_NORM}.",
        "It scales with the loss. Batches whose norm is not finite are left out.",
    ),
    _metric(
        "gradient_norm_variation",
        "Variation of the gradient's norm between batches",
        f"Standard deviation (n - 1) over mean of {_NORM}.",
        "The direction of the gradient, and what it is later in training.",
    ),
    _metric(
        "gradient_norm_largest_to_median",
        "Largest gradient norm over the median batch",
        f"Of {_NORM}. The median comes from a histogram with bins of 0.5 %, so that runs merge.",
        "With few batches the largest one is not the largest to come.",
    ),
    _metric(
        "suggested_clip_norm",
        "Norm to clip the gradient at",
        f"90th percentile of {_NORM}; the median where there are fewer than {_MANY} batches. From a "
        "histogram with bins of 0.5 %.",
        "Whether clipping is needed. It holds for this loss, batch size and state of the weights.",
    ),
    _metric(
        "non_finite_gradient_batches",
        "Batches whose gradient held NaN or infinity",
        "Number of batches, of those that were run.",
        "Where it started.",
    ),
)


def _watch(subject: Subject) -> Any:
    from attnprobe.probes.gradient_flow.batch_watcher import BatchNorms

    return BatchNorms()


def _run(subject: Subject) -> ProbeResult:
    gaps = without_backward(subject.trace, METRICS)
    return gaps or numbers(subject.watched["gradient_batches"].sums)


def numbers(sums: Any) -> ProbeResult:
    """Every metric from what a watcher has kept."""
    from attnprobe.probes.gradient_flow.batch_watcher import MODEL

    collected = Collected()
    names = [metric.name for metric in METRICS]
    broken = sums.get(MODEL, "not finite")
    if broken is None:
        collected.missing(names, "", "no output depends on a trainable parameter")
        return collected.result()
    collected.add("non_finite_gradient_batches", "", int(broken))
    found = sums.get(MODEL, "batches")
    count = int(found) if found is not None else 0
    if not count:
        collected.missing(names[:-1], "", "the gradient of every batch held NaN or infinity")
        return collected.result()
    mean = float(sums.get(MODEL, "norm")) / count
    collected.add("gradient_norm", "", mean)
    if count < _FEWEST:
        reason = f"it needs {_FEWEST} batches, there were {count}: give --batches or --data"
        collected.missing(names[1:-1], "", reason)
    elif not mean:
        collected.missing(names[1:-1], "", "the gradient is exactly zero in every batch")
    else:
        _add_spread(collected, sums, count, mean)
    return collected.result()


def _add_spread(collected: Collected, sums: Any, count: int, mean: float) -> None:
    from attnprobe.probes.gradient_flow.batch_watcher import MODEL, quantile

    variance = (float(sums.get(MODEL, "norm squared")) - count * mean**2) / (count - 1)
    histogram = sums.get(MODEL, "histogram")
    median = quantile(histogram, 0.5)
    collected.add("gradient_norm_variation", "", sqrt(max(variance, 0.0)) / mean)
    if median:
        collected.add("gradient_norm_largest_to_median", "", float(sums.get(MODEL, "largest")) / median)
        clip = quantile(histogram, 0.9) if count >= _MANY else median
        collected.add("suggested_clip_norm", "", clip)
    else:
        names = ("gradient_norm_largest_to_median", "suggested_clip_norm")
        collected.missing(names, "", "the gradient is exactly zero in half of the batches")


probe = Probe(name="gradient_batches", depth="measured", metrics=METRICS, run=_run, watch=_watch)
