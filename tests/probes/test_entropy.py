"""Entropy, its spread, largest weights and distances from uniform ones."""

from __future__ import annotations

from math import log

import pytest
import torch
from given_maps import call_of, drawn, gap, heads_of, look, merging_is_one_pass, number, site, tokens, written
from layered import seeded

import attnprobe
from attnprobe.probes.entropy import probe
from attnprobe.probes.map_statistics.entropies import EntropyWatcher

HALVES = [[[1.0, 0.0], [0.5, 0.5]]]


def test_entropy_of_two_queries_is_the_mean_of_theirs() -> None:
    result = look(probe, call_of(written(HALVES), site()))
    # -1 log 1 = 0 for the first query, log 2 for the second
    assert heads_of(result, "attention_entropy") == pytest.approx([log(2) / 2])
    # as shares of log 2: 0 and 1; mean 1/2, standard deviation 1/2
    assert heads_of(result, "normalised_entropy") == pytest.approx([0.5])
    assert heads_of(result, "entropy_spread") == pytest.approx([0.5])


def test_a_query_with_one_key_has_no_share_of_a_maximum() -> None:
    result = look(probe, call_of(written(HALVES, is_causal=True), site()))
    assert heads_of(result, "attention_entropy") == pytest.approx([log(2) / 2])
    assert heads_of(result, "normalised_entropy") == pytest.approx([1.0])
    assert heads_of(result, "entropy_spread") == pytest.approx([0.0])


def test_largest_weight_and_distance_from_uniform_are_means_over_queries() -> None:
    result = look(probe, call_of(written(HALVES), site()))
    # largest: 1 and 1/2; total variation: (|1 - 1/2| + |0 - 1/2|) / 2 = 1/2 and 0
    assert heads_of(result, "maximum_probability") == pytest.approx([0.75])
    assert heads_of(result, "uniform_distance") == pytest.approx([0.25])


def test_uniform_causal_attention_is_uniform_among_the_visible_keys() -> None:
    third = [[1.0, 0.0, 0.0], [0.5, 0.5, 0.0], [1 / 3, 1 / 3, 1 / 3]]
    result = look(probe, call_of(written([third], is_causal=True), site()))
    assert heads_of(result, "normalised_entropy") == pytest.approx([1.0])
    assert heads_of(result, "uniform_distance") == pytest.approx([0.0], abs=1e-7)


def test_padded_queries_do_not_count() -> None:
    padded = call_of(written(HALVES), site(), query_tokens=tokens([0, 1]), key_tokens=tokens([0, 1]))
    result = look(probe, padded)
    assert heads_of(result, "attention_entropy") == pytest.approx([log(2)])
    assert heads_of(result, "maximum_probability") == pytest.approx([0.5])


def test_a_model_of_uniform_heads_shows_by_their_share() -> None:
    heads = [[[0.5, 0.5], [0.5, 0.5]], [[1.0, 0.0], [0.0, 1.0]]]
    result = look(
        probe,
        call_of(written(heads), site("a", heads=2), 0),
        call_of(written(heads[:1]), site("b"), 1),
    )
    assert number(result, "uniform_heads", "a") == 0.5
    assert number(result, "uniform_heads", "b") == 1.0
    assert number(result, "uniform_heads", "") == pytest.approx(2 / 3)
    assert number(result, "normalised_entropy", "") == pytest.approx(1.0)  # the median of 1, 0, 1


def test_a_site_without_a_map_says_why() -> None:
    result = look(probe, call_of(None, site(), missing="linear attention has no map"))
    assert gap(result, "normalised_entropy") == "linear attention has no map"
    assert gap(result, "normalised_entropy", "") == "it is known of no head"


def test_weights_that_do_not_sum_to_one_are_no_probabilities() -> None:
    gates = written([[[0.9, 0.8], [0.1, 0.2]]], is_softmax=False)
    result = look(probe, call_of(gates, site(normaliser="sigmoid")))
    assert (
        gap(result, "attention_entropy")
        == "its weights do not add up to one over the keys (normaliser: sigmoid)"
    )


def test_sparse_weights_that_sum_to_one_are_probabilities() -> None:
    result = look(probe, call_of(written(HALVES, is_softmax=False), site(normaliser="sparsemax")))
    assert heads_of(result, "attention_entropy") == pytest.approx([log(2) / 2])


def test_the_fused_kernel_gives_what_the_whole_map_gives() -> None:
    fused = drawn(3, length=40)
    weights = fused.rows(torch.arange(40))
    one, other = (
        look(probe, call_of(attention, site(heads=3)))
        for attention in (fused, written(weights.tolist(), is_causal=True))
    )
    for metric in ("attention_entropy", "normalised_entropy", "entropy_spread", "uniform_distance"):
        assert heads_of(one, metric) == pytest.approx(heads_of(other, metric), abs=1e-5)


def test_two_passes_merge_into_one() -> None:
    assert merging_is_one_pass(EntropyWatcher)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_scan_gives_what_the_weights_say(dtype: torch.dtype) -> None:
    model, ids = seeded()
    model.to(dtype)
    found = attnprobe.scan(model, (ids,), probes=["entropy"])
    layer, x = model.layers[0], model.embedding(ids)
    query, key = (p(x).unflatten(-1, (2, 4)).transpose(1, 2).double() for p in (layer.q_proj, layer.k_proj))
    hidden = torch.ones(64, 64, dtype=torch.bool).triu(1)
    weights = (query @ key.mT / 2).masked_fill(hidden, -torch.inf).softmax(-1)
    entropy = -torch.special.xlogy(weights, weights).sum(-1)
    assert found.sites[0].head_metrics["attention_entropy"] == pytest.approx(
        entropy.mean((0, 2)).tolist(), rel=1e-5
    )
    assert found.sites[0].head_metrics["maximum_probability"] == pytest.approx(
        weights.amax(-1).mean((0, 2)).tolist(), rel=1e-5
    )
