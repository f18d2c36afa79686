"""NaN and infinities, and where they come up first."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from given_maps import (
    LOADED,
    call_of,
    drawn,
    gap,
    heads_of,
    look,
    merging_is_one_pass,
    number,
    show,
    site,
    trace_of,
)
from layered import seeded
from torch import Tensor

import attnprobe
from attnprobe.observing.calls import AttentionCall, Batch, Gradients
from attnprobe.observing.maps import GivenMap
from attnprobe.probes.finiteness import probe
from attnprobe.probes.map_statistics.non_finite import FinitenessWatcher
from attnprobe.records import LoadedModel, ProbeResult, ScanOptions, Subject

NAN = float("nan")


def tensors(**broken: float) -> dict[str, Tensor]:
    """Queries, keys, values and outputs [1, 2, 3, 4] of ones, one element of some replaced."""
    found = {name: torch.ones(1, 2, 3, 4) for name in ("query", "key", "value", "output")}
    for name, value in broken.items():
        found[name][0, 1, 2, 3] = value
    return found


def plain(index: int, **given: Any) -> AttentionCall:
    return call_of(drawn(0, samples=1, heads=2, length=3), site(f"layer{index}", heads=2), index, **given)


def with_gradients(call: AttentionCall, **broken: float) -> ProbeResult:
    watcher = FinitenessWatcher()
    show(watcher, call)
    watcher.gradients(call, Gradients(**tensors(**broken)))
    subject = Subject(trace=trace_of([call.site]), options=ScanOptions(target="model.py"), model=LOADED)
    subject.watched = {"finiteness": watcher}
    return probe.run(subject)


def test_a_healthy_attention_has_none_of_them() -> None:
    result = with_gradients(plain(0, **tensors()))
    for metric in ("non_finite_inputs", "non_finite_outputs", "non_finite_gradients"):
        assert number(result, metric, "layer0") == 0.0
    assert heads_of(result, "non_finite_scores", "layer0") == [0.0, 0.0]
    assert number(result, "non_finite_start", "layer0") == 0
    assert gap(result, "first_non_finite_site", "") == "nothing that was seen was NaN or infinite"
    assert result.notes == ()


def test_hidden_keys_are_not_infinities() -> None:
    # A causal mask hides by -inf
    result = look(probe, plain(0))
    assert heads_of(result, "non_finite_scores", "layer0") == [0.0, 0.0]


def test_elements_are_counted_and_the_first_site_is_named() -> None:
    calls = [plain(0, **tensors()), plain(1, **tensors(output=NAN)), plain(2, **tensors(query=float("inf")))]
    result = look(probe, *calls)
    assert number(result, "non_finite_outputs", "layer1") == 1.0
    assert number(result, "non_finite_inputs", "layer2") == 1.0
    assert number(result, "first_non_finite_site", "") == 1.0
    # nowhere, query, key, value, scores, weights, output: the sixth
    assert [number(result, "non_finite_start", f"layer{index}") for index in range(3)] == [0, 6, 0]
    assert result.notes == ("NaN or infinities come up first in the output of layer1",)


@pytest.mark.parametrize("broken", [NAN, float("inf")])
def test_scores_are_counted_by_query_and_head(broken: float) -> None:
    scores = torch.zeros(1, 2, 3, 3)
    scores[0, 1, 2, 0] = scores[0, 1, 2, 1] = broken
    scores[0, 0, 0, 1] = -torch.inf
    weights = scores.softmax(-1)
    attention = GivenMap(weights, scores, is_softmax=True, is_causal=False, width=4)
    result = look(probe, call_of(attention, site(heads=2), **tensors(output=NAN)))
    assert heads_of(result, "non_finite_scores") == [0.0, 1.0]
    assert heads_of(result, "non_finite_weights") == [0.0, 1.0]
    assert number(result, "non_finite_scores") == 1.0
    # Scores come before outputs
    assert result.notes == ("NaN or infinities come up first in the scores of attn",)


def test_a_query_without_keys_breaks_the_weights_and_not_the_scores() -> None:
    scores = torch.zeros(1, 1, 2, 2)
    scores[0, 0, 1] = -torch.inf
    attention = GivenMap(scores.softmax(-1), scores, is_softmax=True, is_causal=False, width=4)
    result = look(probe, call_of(attention, site(), **tensors(output=NAN)))
    assert heads_of(result, "non_finite_scores") == [0.0]
    assert heads_of(result, "non_finite_weights") == [1.0]
    assert result.notes == ("NaN or infinities come up first in the weights of attn",)


def test_the_backward_reaches_the_last_site_first() -> None:
    watcher = FinitenessWatcher()
    calls = [plain(index, **tensors()) for index in range(3)]
    show(watcher, *calls)
    for call in reversed(calls[:2]):
        watcher.gradients(call, Gradients(**tensors(key=NAN)))
    subject = Subject(trace=trace_of([c.site for c in calls]), options=ScanOptions(target="model.py"))
    subject.watched = {"finiteness": watcher}
    result = probe.run(subject)
    assert number(result, "first_non_finite_gradient", "") == 1.0
    assert result.notes == ("NaN or infinities come up first in the key gradient of layer1",)
    assert gap(result, "non_finite_gradients", "layer2") == "no gradient of the loss reached it"


def test_outputs_are_looked_at_without_a_map() -> None:
    result = look(probe, call_of(None, site(), **tensors(output=NAN)))
    assert number(result, "non_finite_outputs") == 1.0
    assert "its map was not seen" in gap(result, "non_finite_scores")


def test_half_precision_overflows_are_found() -> None:
    output = torch.full((1, 1, 2, 4), 6e4, dtype=torch.float16) * 2
    result = look(probe, call_of(None, site(), output=output))
    assert number(result, "non_finite_outputs") == 8.0


def test_parameters_with_broken_gradients_are_counted_by_tensor() -> None:
    module = torch.nn.Linear(3, 2)
    module.weight.grad, module.bias.grad = torch.ones(2, 3), torch.tensor([0.0, NAN])
    loaded = LoadedModel(module=module, args=(), kwargs={}, target="m", entry="m", inputs=())
    result = look(probe, plain(0, batch=Batch(number=0, model=loaded)))
    assert number(result, "non_finite_parameter_gradients", "") == 1.0


def test_two_passes_merge_into_one() -> None:
    assert merging_is_one_pass(FinitenessWatcher)


def test_a_broken_weight_shows_where_it_stands() -> None:
    model, ids = seeded()
    with torch.no_grad():
        model.layers[1].k_proj.weight[5, 0] = NAN  # a row of the second head's keys
    found = attnprobe.scan(model, (ids,), probes=["finiteness"])
    assert [site.metrics["non_finite_inputs"] for site in found.sites] == [0, 2 * 64, 2 * 64 * 8 * 3]
    assert found.totals["first_non_finite_site"] == 1
    assert "NaN or infinities come up first in the key of layers.1" in found.notes


def test_a_healthy_model_has_no_first_place() -> None:
    model, ids = seeded()
    found = attnprobe.scan(model, (ids,), probes=["finiteness"])
    assert [site.metrics["non_finite_outputs"] for site in found.sites] == [0, 0, 0]
    assert [site.metrics["non_finite_gradients"] for site in found.sites] == [0, 0, 0]
    assert found.totals["non_finite_parameter_gradients"] == 0


def test_without_a_backward_no_gradient_was_seen() -> None:
    model, ids = seeded()
    found = attnprobe.scan(model, (ids,), probes=["finiteness"], backward=False)
    reasons = {(gap.metric, gap.reason) for gap in found.not_measured}
    assert ("first_non_finite_gradient", "the scan ran no backward pass") in reasons
    assert ("non_finite_gradients", "the scan ran no backward pass") in reasons
