"""The least important heads, taken away for real: does the first-order estimate hold?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attnprobe.errors import ModelError
from attnprobe.probes.heads.gathering import Gathered
from attnprobe.records import Metric, Probe, ProbeResult, Subject

if TYPE_CHECKING:
    from attnprobe.observing.sums import Sums
    from attnprobe.probes.heads.ablation import Ablation, Change

SHARE, MOST = 0.05, 4  # of all heads, and at most
Place = tuple[int, int]  # (index of the site, head)

_HOW = (
    "The head's output is set to zero as it leaves the core, in runs of their own on the same batches: "
    f"the {SHARE:.0%} of the heads with the lowest head_importance (at least one, at most {MOST}), and the "
    "most important one to compare with; the others have no number. "
)
_TOGETHER = "The heads with the lowest head_importance, all in one run: "
_ONLY = "The other heads. Nothing is trained afterwards."


def _metric(name: str, title: str, level: Any, method: str, **others: Any) -> Metric:
    not_said = others.pop("not_said", _ONLY)
    return Metric(
        name=name, title=title, unit="1", level=level, exactness="exact", method=method, not_said=not_said,
        needs_data=True, topic="heads", **others,
    )  # fmt: skip


_SOURCE = (
    "Ablation as in Michel, Levy and Neubig 2019, arXiv:1905.10650, and Voita et al. 2019, arXiv:1905.09418."
)
METRICS = (
    _metric(
        "ablated_head_output_change",
        "Change of the output without a head",
        "head",
        _HOW
        + "‖f' - f‖ / ‖f‖ of the model's first output f. The site's number is the mean over those measured.",
        source=_SOURCE,
    ),
    _metric(
        "ablated_head_cosine_change",
        "Turn of the output without a head",
        "head",
        _HOW + "Mean of 1 - cos over the rows of the output (positions, or samples where it has none).",
    ),
    _metric(
        "ablated_head_loss_change",
        "Change of the loss without a head",
        "head",
        _HOW + "Loss without the head minus loss with it, mean over batches, in units of the loss.",
        source=_SOURCE,
    ),
    _metric(
        "lowest_heads",
        "Number of heads that were taken away together",
        "model",
        f"{SHARE:.0%} of all heads whose importance is known, at least one, at most {MOST}.",
    ),
    _metric(
        "lowest_heads_output_change",
        "Change of the output without all of the lowest heads",
        "model",
        _TOGETHER + "‖f' - f‖ / ‖f‖ with their outputs at zero.",
        headline=True,
    ),
    _metric(
        "lowest_heads_cosine_change",
        "Turn of the output without all of the lowest heads",
        "model",
        _TOGETHER + "mean of 1 - cos over the rows of the output.",
    ),
    _metric(
        "lowest_heads_mean_output_change",
        "Change of the output when the lowest heads give their mean",
        "model",
        _TOGETHER + "‖f' - f‖ / ‖f‖ with their outputs at their mean over the real tokens of the same data, "
        "which a bias of the output projection could stand for.",
        not_said="Other data, whose mean may be another. Nothing is trained afterwards.",
    ),
    _metric(
        "lowest_heads_loss_change",
        "Change of the loss without all of the lowest heads",
        "model",
        _TOGETHER + "loss with their outputs at zero minus loss with them, in units of the loss.",
    ),
)
_NO_LOSS = "there is no loss: give `loss(outputs, inputs)`, or labels to a model with a loss of its own"
_NO_ROWS = "the output has no rows to compare"


def _watch(subject: Subject) -> Any:
    from attnprobe.probes.heads.ablation import MeanWatcher

    return MeanWatcher()


def _run(subject: Subject) -> ProbeResult:
    from attnprobe.probes.heads.ablation import Ablation

    gathered, importance = Gathered(), subject.watched.get("head_importance")
    ranked = _ranked(subject, importance.sums) if importance is not None else []
    try:
        if not ranked:
            raise ModelError("the importance of heads is not known (probe head_importance)")
        watcher = subject.watched["head_ablation"]
        ablation = Ablation.of(watcher.seen, subject.options.seed)
        chosen = ranked[: max(1, min(MOST, int(SHARE * len(ranked))))]
        _together(gathered, ablation, chosen, watcher.sums)
        extra = [place for place in ranked[-1:] if place not in chosen]
        _one_by_one(gathered, subject, ablation, [*chosen, *extra])
    except ModelError as error:
        gathered = Gathered()
        gathered.missing((metric.name for metric in METRICS), "", error.message)
    return gathered.result()


def _ranked(subject: Subject, sums: Sums) -> list[Place]:
    """All heads, the least important first."""
    from attnprobe.probes.heads.importance import importances

    known = {index: importances(sums, index) for index in range(len(subject.trace.sites))}
    places = [
        (value, index, head)
        for index, values in known.items()
        if values is not None
        for head, value in enumerate(values.tolist())
        if value == value
    ]
    return [(index, head) for _, index, head in sorted(places)]


def _together(gathered: Gathered, ablation: Ablation, chosen: list[Place], means: Sums) -> None:
    heads: dict[int, list[int]] = {}
    for index, head in chosen:
        heads.setdefault(index, []).append(head)
    change = ablation.without(heads)
    gathered.number("lowest_heads", "", len(chosen))
    _model(gathered, "output", change.relative, "the output is zero")
    _model(gathered, "cosine", change.cosine, _NO_ROWS)
    _model(gathered, "loss", change.loss_change, _NO_LOSS)
    known = {}
    for index in heads:
        total, tokens = means.get(index, "outputs"), means.get(index, "tokens")
        if total is not None and tokens is not None and float(tokens):
            known[index] = total / tokens
    if len(known) < len(heads):
        _model(gathered, "mean_output", None, "the mean outputs of the heads were not seen")
    else:
        _model(gathered, "mean_output", ablation.without(heads, known).relative, "the output is zero")


def _model(gathered: Gathered, name: str, value: float | None, reason: str) -> None:
    if value is None:
        gathered.missing((f"lowest_heads_{name}_change",), "", reason)
    else:
        gathered.number(f"lowest_heads_{name}_change", "", value)


def _one_by_one(gathered: Gathered, subject: Subject, ablation: Ablation, chosen: list[Place]) -> None:
    changes: dict[int, dict[int, Change]] = {}
    for index, head in chosen:
        changes.setdefault(index, {})[head] = ablation.without({index: [head]})
    for index, site in enumerate(subject.trace.sites):
        own = changes.get(index)
        if own is None:
            continue
        whole = [own.get(head) for head in range(max(site.num_heads, max(own) + 1))]
        values = {
            "output": ([None if c is None else c.relative for c in whole], "the output is zero"),
            "cosine": ([None if c is None else c.cosine for c in whole], _NO_ROWS),
            "loss": ([None if c is None else c.loss_change for c in whole], _NO_LOSS),
        }
        for name, (per_head, reason) in values.items():
            gathered.heads(f"ablated_head_{name}_change", site.id, per_head, reason)


probe = Probe(
    name="head_ablation",
    depth="measured",
    metrics=METRICS,
    run=_run,
    after=("head_importance",),
    watch=_watch,
)
