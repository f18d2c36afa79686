"""NaN and infinities in the attention: how many, and where they come up first."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from attnprobe.probes.map_statistics.metrics import map_metric
from attnprobe.probes.map_statistics.results import OfHeads, Value, probe_result, result
from attnprobe.records import Measurement, Metric, NotMeasured, Probe, ProbeResult, Subject

_INPUTS = ("query", "key", "value")
_FORWARD = (*_INPUTS, "scores", "weights", "output")  # in the order in which one makes the next
_BACKWARD = ("output", *_INPUTS)
_STARTS = ("nowhere", *_FORWARD, *(f"{place} gradient" for place in _BACKWARD))
_NO_BACKWARD = "the scan ran no backward pass"
_ROWS = "Counted by query and head, over all queries of sequences up to 256, else over 256 spread over them. "


def _metric(name: str, title: str, method: str, not_said: str, **kind: Any) -> Metric:
    return map_metric(name, title, method, not_said, topic="correctness", needs_data=False, **kind)


METRICS = (
    _metric(
        "non_finite_inputs",
        "NaN and infinities among queries, keys and values",
        "Elements of the three tensors that are neither, all batches together.",
        "Where before the attention they come from.",
        level="site",
        unit="element",
    ),
    _metric(
        "non_finite_scores",
        "Queries with NaN or +∞ among their scores",
        _ROWS + "-∞ hides a key and does not count.",
        "Inside of a fused kernel scores are not seen: they are recomputed in fp32.",
        exactness="sampled",
        unit="query",
    ),
    _metric(
        "non_finite_weights",
        "Queries with NaN or +∞ among their attention weights",
        _ROWS + "A query that may see no key makes such weights where scores hide by -∞.",
        "Inside of a fused kernel weights are not seen: see non_finite_outputs.",
        exactness="sampled",
        unit="query",
    ),
    _metric(
        "non_finite_outputs",
        "NaN and infinities in the attention's output",
        "Elements of the heads' outputs, before the output projection, all batches together.",
        "Padded positions count too, though nobody may read them.",
        level="site",
        unit="element",
    ),
    _metric(
        "non_finite_gradients",
        "NaN and infinities in the gradients of the attention",
        "Elements of the loss' gradients for queries, keys, values and heads' outputs, all batches together.",
        "With a loss scale of the user's own they may come and go.",
        level="site",
        unit="element",
    ),
    _metric(
        "non_finite_parameter_gradients",
        "Parameters with NaN or infinities in their gradient",
        "Counted by tensor, of the whole model; the most of any batch.",
        "Which came first: see first_non_finite_gradient.",
        level="model",
        unit="parameter",
    ),
    _metric(
        "non_finite_start",
        "Where NaN or infinities come up first",
        "Of the first attention of the forward that holds some: in which of its tensors, in the order in "
        "which "
        "one makes the next. If the forward has none: the same of the backward. All other attentions: "
        "nowhere.",
        "They may come up before it, outside of any attention.",
        level="site",
        exactness="sampled",
        labels=_STARTS,
    ),
    _metric(
        "first_non_finite_site",
        "The first attention of the forward with NaN or infinities",
        "Index into the sites, from 0, in the order of the forward; a note says in which tensor.",
        "They may come up before it, outside of any attention.",
        level="model",
        unit="site",
    ),
    _metric(
        "first_non_finite_gradient",
        "The first attention of the backward with NaN or infinities in its gradients",
        "Index into the sites, from 0: the last of the forward that has some; a note says for which tensor.",
        "They may come up before it, outside of any attention.",
        level="model",
        unit="site",
    ),
)


def _watch(subject: Subject) -> Any:
    from attnprobe.probes.map_statistics.non_finite import FinitenessWatcher

    return FinitenessWatcher()


def _run(subject: Subject) -> ProbeResult:
    sums = subject.watched["finiteness"].sums
    found: list[Measurement | NotMeasured] = []
    for index, site in enumerate(subject.trace.sites):
        values = _of_site(sums, index, subject.trace.backward)
        found += [result(name, site.id, value) for name, value in values]
    parameters = sums.get(-1, "parameters")
    gap = "the scan ran no backward pass, or no parameter got a gradient"
    found.append(result("non_finite_parameter_gradients", "", gap if parameters is None else parameters))
    notes: list[str] = []
    starts: list[tuple[int, str]] = []
    forward = range(len(subject.trace.sites))
    for metric, order, places, suffix in (
        ("first_non_finite_site", forward, _FORWARD, ""),
        ("first_non_finite_gradient", reversed(forward), _BACKWARD, " gradient"),
    ):
        first = next(_bad_places(sums, order, places, suffix), None)
        if first is None:
            is_unseen = suffix and not subject.trace.backward
            reason = _NO_BACKWARD if is_unseen else "nothing that was seen was NaN or infinite"
            found.append(NotMeasured(metric=metric, site="", reason=reason))
            continue
        found.append(Measurement(metric=metric, site="", value=first[0]))
        starts.append((first[0], first[1] + suffix))
        where = f"the {first[1]}{suffix} of {subject.trace.sites[first[0]].id}"
        notes.append(f"NaN or infinities come up first in {where}")
    found += _starts(subject, dict(starts[:1]))
    return probe_result(found, notes)


def _starts(subject: Subject, first: dict[int, str]) -> Iterator[Measurement]:
    """Of each site, whether it is the first, and with which tensor."""
    for index, site in enumerate(subject.trace.sites):
        place = first.get(index, "nowhere")
        yield Measurement(metric="non_finite_start", site=site.id, value=_STARTS.index(place))


def _of_site(sums: Any, index: int, has_backward: bool) -> Iterator[tuple[str, Value]]:
    def get(name: str) -> Any:
        return sums.get(index, name)

    unknown = "how it lies in memory could not be told"
    inputs, gradients = ([get(role + end) for role in _INPUTS] for end in ("", " gradient"))
    yield "non_finite_inputs", _total(inputs, unknown)
    no_map = "its map was not seen, or its scores before the normaliser are not known"
    for name in ("scores", "weights"):
        yield f"non_finite_{name}", no_map if get(name) is None else _counts(get(name))
    yield "non_finite_outputs", _total([get("output")], unknown)
    no_gradient = "no gradient of the loss reached it" if has_backward else _NO_BACKWARD
    yield "non_finite_gradients", _total([*gradients, get("output gradient")], no_gradient)


def _total(counts: list[Any], reason: str) -> Value:
    known = [count for count in counts if count is not None]
    return sum(float(count) for count in known) if known else reason


def _counts(by_head: Any) -> Value:
    return OfHeads(float(by_head.sum()), by_head)


def _bad_places(sums: Any, order: Any, places: tuple[str, ...], suffix: str) -> Iterator[tuple[int, str]]:
    """Where something is not finite, in a given order of sites."""
    for index in order:
        for place in places:
            count = sums.get(index, place + suffix)
            if count is not None and float(count.sum()) > 0:
                yield index, place


probe = Probe(name="finiteness", depth="measured", metrics=METRICS, run=_run, watch=_watch)
