"""Whether attention spreads out as sequences grow, from forward passes on shorter cuts of the inputs."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median
from typing import Any

from attnprobe.probes.map_statistics.metrics import LENGTH, map_metric
from attnprobe.probes.map_statistics.results import Value, all_heads, of_model, probe_result, results
from attnprobe.records import AttentionSite, Curve, NotMeasured, Probe, ProbeResult, Subject

_SHORTEST = 32  # below it the cuts are of a few tokens
_LONG = 512  # beyond it one short cut must do: the others cost as much as the rest of the run
_VELICKOVIC = "Veličković et al. 2024, arXiv:2410.01104."
_LENGTHS = (
    f"First batch, cut to a half and a quarter of its length, above {_LONG} tokens to an eighth; a "
    "least-squares line through all lengths. "
)

METRICS = (
    map_metric(
        "typical_maximum_probability",
        "Largest attention weight of a query, geometric mean",
        "exp(mean log max_j p_ij) over real queries, at most 256 per sequence; first batch. Its curve runs "
        "over the shorter lengths.",
        LENGTH + "Whether it is always the same key.",
        exactness="sampled",
        source=_VELICKOVIC,
    ),
    map_metric(
        "dispersion_slope",
        "How the largest attention weight falls as keys grow in number",
        "Slope of mean log max_j p_ij against mean log n_i, n_i the keys that query i may see. "
        + _LENGTHS
        + "-1: as 1/n, as uniform attention; 0: not at all. Of the model: the median over all heads.",
        "The cut inputs are the beginnings of the same data: other text may behave otherwise, and so may "
        "lengths beyond the scanned one.",
        exactness="sampled",
        source=_VELICKOVIC,
    ),
    map_metric(
        "entropy_slope",
        "How the entropy of the attention weights grows with the number of keys",
        "Slope of the mean entropy in nats against mean log n_i. "
        + _LENGTHS
        + "1: as uniform attention; 0: not at all. Of the model: the median over all heads.",
        "The cut inputs are the beginnings of the same data: other text may behave otherwise, and so may "
        "lengths beyond the scanned one.",
        source=_VELICKOVIC,
    ),
)


def _watch(subject: Subject) -> Any:
    from attnprobe.probes.map_statistics.lengths import DispersionWatcher

    return DispersionWatcher()


def _run(subject: Subject) -> ProbeResult:
    length = subject.trace.seq_len
    if length is None:
        return _nothing("no input has a dimension along which the tokens of an attention lie")
    if length < _SHORTEST:
        return _nothing(f"{length} tokens are too few to cut: it takes {_SHORTEST}")
    from attnprobe.probes.map_statistics.lengths import at_lengths, slope

    points, notes = at_lengths(subject, shorter_lengths(length))
    watcher = subject.watched["dispersion"]

    def read(index: int, site: AttentionSite) -> dict[str, Value]:
        gap = "the number of its visible keys hardly changes with the length"
        if len(points) == 1:
            gap = "; ".join(notes)
        by_weight = slope(points, site.id, "log_largest", "row_log_keys")
        by_entropy = slope(points, site.id, "entropy", "log_keys")
        return {
            "typical_maximum_probability": watcher.mean(index, "log_largest").exp(),
            "dispersion_slope": gap if by_weight is None else by_weight,
            "entropy_slope": gap if by_entropy is None else by_entropy,
        }

    found = results(subject, METRICS, watcher.reason, read)
    for metric in ("dispersion_slope", "entropy_slope"):
        found.append(of_model(metric, all_heads(found, metric), median))
    result = probe_result(found, notes if len(points) > 1 else ())  # else they are the reasons of all gaps
    return ProbeResult(
        measurements=result.measurements,
        not_measured=result.not_measured,
        curves=tuple(_curves(subject, points)),
        notes=result.notes,
    )


def shorter_lengths(length: int) -> tuple[int, ...]:
    """To which lengths the inputs are cut."""
    return (length // 4, length // 2) if length <= _LONG else (length // 8,)


def _curves(subject: Subject, points: list[Any]) -> Iterator[Curve]:
    """The mean over heads of the typical largest probability, per site."""
    for site in subject.trace.sites:
        means = [(point.length, point.mean(site.id, "log_largest")) for point in points]
        known = [(length, float(mean.exp().mean())) for length, mean in means if mean is not None]
        if len(known) > 1:
            yield Curve(
                metric="typical_maximum_probability",
                site=site.id,
                lengths=tuple(length for length, _ in known),
                values=tuple(value for _, value in known),
                method="measured on cuts of the inputs",
            )


def _nothing(reason: str) -> ProbeResult:
    gaps = [NotMeasured(metric=metric.name, site="", reason=reason) for metric in METRICS]
    return ProbeResult(not_measured=tuple(gaps))


probe = Probe(name="dispersion", depth="measured", metrics=METRICS, run=_run, watch=_watch)
