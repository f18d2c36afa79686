"""How alike the tokens of a sequence are at every depth: rank collapse, over-smoothing, huge activations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attnprobe.probes.representations.streams import first_of_stack, results, stack_of, why_no_stream
from attnprobe.records import Measurement, Metric, NotMeasured, Probe, ProbeResult, Subject

if TYPE_CHECKING:
    from attnprobe.observing.sums import Sums

_PLACE = (
    "At the hidden states that the site starts from, real tokens only; for the model: after the last site. "
)


def _metric(name: str, title: str, method: str, **others: Any) -> Metric:
    exactness = others.pop("exactness", "exact")
    level = others.pop("level", "site")
    return Metric(
        name=name, title=title, unit="1", level=level, exactness=exactness, method=_PLACE + method,
        topic="information", **others,
    )  # fmt: skip


METRICS = (
    _metric(
        "rank_one_residual",
        "What is left of the hidden states without their mean token",
        "√(Σ ‖X - 1 x̄ᵀ‖² / Σ ‖X‖²) over sequences X [T, E] with mean token x̄. 0: all tokens are the same.",
        source="Dong, Cordonnier, Loukas 2021, arXiv:2103.03404 (there with ‖·‖₁,∞; here Frobenius); "
        "its square is the high-frequency share of Wang et al. 2022, arXiv:2203.05962.",
        not_said="A large constant part that all tokens share lowers it without any loss of information.",
        headline=True,
    ),
    _metric(
        "rank_one_residual_ratio",
        "What is left without the mean token, against the first layer",
        "rank_one_residual / rank_one_residual at the first site of the same stack of layers.",
        not_said="Nothing about the first layer itself, which may already be uniform.",
    ),
    _metric(
        "smallest_rank_one_residual",
        "The smallest rest without the mean token over the depth",
        "Minimum over all sites and the end of the last.",
        not_said="At which layer: see rank_one_residual.",
        level="model",
    ),
    _metric(
        "mean_token_cosine",
        "Mean cosine between two tokens of a sequence",
        "(‖Σ x/‖x‖‖² - n) / (n (n - 1)) for the n tokens of a sequence, mean over sequences.",
        source="Shi et al. 2022, arXiv:2202.08625.",
        not_said="A few large shared dimensions can dominate it; trained models grow from 0.1 to 0.3 with "
        "depth, freshly initialised ones start there.",
        headline=True,
    ),
    _metric(
        "representation_effective_rank",
        "Effective rank of the centred hidden states, per token",
        "exp(-Σ p log p) of the singular values' shares p of X - 1 x̄ᵀ, over the number of tokens; at most "
        "128 tokens of a sequence, evenly spread; mean over sequences. Not measured below a residual of "
        "1e-4, where rounding is all that is left.",
        source="Roy and Vetterli 2007; Garrido et al. 2023, arXiv:2210.02885.",
        not_said="It is bounded by the width as well: longer sequences have a lower share.",
        exactness="sampled",
        needs_data=True,
    ),
    _metric(
        "largest_activation_ratio",
        "Largest activation against the median one",
        "max |x| over all tokens / median |x| over at most 128 tokens of a sequence (histogram of log2 |x|, "
        "to 1.1 %).",
        source="Massive activations: Sun et al. 2024, arXiv:2402.17762, who speak of them from 1,000 on.",
        not_said="They hurt quantisation; whether they hurt the model is another question.",
        exactness="sampled",
        needs_data=True,
    ),
)


def _watch(subject: Subject) -> Any:
    from attnprobe.probes.representations.uniformity import UniformityWatcher

    return UniformityWatcher(_last_exit(subject))


def _last_exit(subject: Subject) -> frozenset[int]:
    known = [i for i, stream in enumerate(subject.trace.streams) if stream.exit is not None]
    return frozenset(known[-1:])


def _run(subject: Subject) -> ProbeResult:
    sums: Sums = subject.watched["token_uniformity"].sums
    trace = subject.trace
    tables: dict[str, dict[str, float | str]] = {metric.name: {} for metric in METRICS}
    for index, site in enumerate(trace.sites):
        reason = why_no_stream(trace, index, "entry") or "no sequence of two tokens was seen"
        _enter(tables, site.id, _values(sums, index, "entry"), reason)
    (last,) = _last_exit(subject) or (-1,)
    _enter(tables, "", _values(sums, last, "exit"), "the hidden states after the last site were not seen")
    _relate(tables, subject, last)
    found = [record for metric, values in tables.items() for record in results(metric, values)]
    return ProbeResult(
        measurements=tuple(record for record in found if isinstance(record, Measurement)),
        not_measured=tuple(record for record in found if isinstance(record, NotMeasured)),
    )


def _enter(
    tables: dict[str, dict[str, float | str]], site: str, values: dict[str, float | str], reason: str
) -> None:
    for metric in (
        "rank_one_residual",
        "mean_token_cosine",
        "representation_effective_rank",
        "largest_activation_ratio",
    ):
        tables[metric][site] = values.get(metric, reason)


def _values(sums: Sums, index: int, place: str) -> dict[str, float | str]:
    """The numbers of one place."""
    from attnprobe.probes.representations.uniformity import median_size

    names = ("total", "centred", "cosine", "cosines", "rank", "ranks", "largest")
    known = {name: value for name in names if (value := sums.get(index, f"{place} {name}")) is not None}
    sizes = sums.get(index, f"{place} sizes")
    if sizes is None:
        return {}
    total, centred, cosine, cosines, rank, ranks, largest = (float(known[name]) for name in names)
    is_empty = total == 0
    return {
        "rank_one_residual": "the hidden states are all zero" if is_empty else (centred / total) ** 0.5,
        "mean_token_cosine": cosine / cosines if cosines else "the hidden states are all zero",
        "representation_effective_rank": rank / ranks
        if ranks
        else "the tokens are all alike: what is left of them is rounding",
        "largest_activation_ratio": "the hidden states are all zero"
        if is_empty
        else largest / median_size(sizes),
    }


def _relate(tables: dict[str, dict[str, float | str]], subject: Subject, last: int) -> None:
    """Fill in what compares places with each other."""
    sites, residuals = subject.trace.sites, tables["rank_one_residual"]
    first = first_of_stack(sites)
    places = [(site.id, stack_of(site)) for site in sites]
    if last >= 0:
        places.append(("", stack_of(sites[last])))
    for place, stack in places:
        own, reference = residuals[place], residuals[sites[first[stack]].id]
        if isinstance(own, str):
            tables["rank_one_residual_ratio"][place] = own
        elif isinstance(reference, str) or not reference:
            tables["rank_one_residual_ratio"][place] = "the first layer of its stack has no such number"
        else:
            tables["rank_one_residual_ratio"][place] = own / reference
    numbers = [value for value in residuals.values() if not isinstance(value, str)]
    tables["smallest_rank_one_residual"][""] = min(numbers) if numbers else "no hidden states were seen"


probe = Probe(name="token_uniformity", depth="measured", metrics=METRICS, run=_run, watch=_watch)
