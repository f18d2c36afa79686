"""Scores before the softmax, and its Jacobian."""

from __future__ import annotations

from math import log

import pytest
import torch
from given_maps import call_of, drawn, gap, heads_of, look, merging_is_one_pass, number, site, written

from attnprobe.observing.maps import GivenMap
from attnprobe.probes.map_statistics.sharpness import SaturationWatcher
from attnprobe.probes.saturation import probe


def scored(scores: list[object]) -> GivenMap:
    """A map from its scores, [H, L, S]."""
    tensor = torch.tensor(scores)[None]
    return GivenMap(tensor.softmax(-1), tensor, is_softmax=True, is_causal=False, width=4)


def test_the_largest_score_counts_by_its_size_and_hidden_keys_do_not() -> None:
    heads = [[[1.0, -7.0], [2.0, -torch.inf]], [[3.0, -1e9], [0.0, 4.0]]]
    result = look(probe, call_of(scored(heads), site(heads=2)))
    assert heads_of(result, "largest_logit") == [7.0, 4.0]
    assert number(result, "largest_logit") == 7.0
    assert number(result, "largest_logit", "") == 7.0


def test_with_its_sign_a_score_far_below_zero_is_not_large() -> None:
    heads = [[[1.0, -7.0], [2.0, -torch.inf]], [[-3.0, -1e9], [-5.0, -4.0]]]
    result = look(probe, call_of(scored(heads), site(heads=2)))
    assert heads_of(result, "largest_positive_logit") == [2.0, -3.0]
    assert number(result, "largest_positive_logit", "") == 2.0


def test_the_spread_of_scores_is_taken_over_visible_keys() -> None:
    # 1, 5 and 3, 3: deviations 2 and 0. The third query sees one key only and does not count
    rows = [[1.0, 5.0, -torch.inf], [3.0, 3.0, -torch.inf], [9.0, -torch.inf, -torch.inf]]
    result = look(probe, call_of(scored([rows]), site()))
    assert heads_of(result, "logit_spread") == pytest.approx([1.0])


def test_scores_far_from_zero_keep_their_spread() -> None:
    result = look(probe, call_of(scored([[[1000.0, 1000.5]]]), site()))
    assert heads_of(result, "logit_spread") == pytest.approx([0.25], rel=1e-3)


def test_the_jacobian_of_the_softmax_by_hand() -> None:
    # p = (3/4, 1/4): tr = 1 - 9/16 - 1/16 = 3/8, bound = 3/4 (1 - 3/4 + 1/4) = 3/8; p = (1, 0): both 0.
    # Means over the two queries
    result = look(probe, call_of(written([[[0.75, 0.25], [1.0, 0.0]]]), site()))
    assert heads_of(result, "softmax_jacobian") == pytest.approx([3 / 16])
    assert heads_of(result, "softmax_jacobian_bound") == pytest.approx([3 / 16])


def test_the_bound_is_above_the_norm_of_the_jacobian() -> None:
    attention = drawn(0, samples=1, heads=1, length=9)
    bound = heads_of(look(probe, call_of(attention, site())), "softmax_jacobian_bound")[0]
    rows = attention.rows(torch.arange(9))[0, 0].double()
    norms = [torch.linalg.matrix_norm(torch.diag(p) - torch.outer(p, p), 2) for p in rows]
    assert float(torch.stack(norms).mean()) <= bound <= 1.3 * float(torch.stack(norms).mean())


def test_one_hot_queries_are_saturated() -> None:
    heads = [[[1.0, 0.0], [0.5, 0.5]], [[0.0, 1.0], [0.995, 0.005]]]
    result = look(probe, call_of(written(heads), site(heads=2)))
    assert heads_of(result, "saturated_queries") == [0.5, 1.0]
    assert number(result, "saturated_heads") == 0.5  # "most" is more than half of the queries
    assert number(result, "saturated_queries", "") == 0.75


def test_a_single_key_is_no_spread_but_saturated() -> None:
    result = look(probe, call_of(scored([[[2.0]]]), site()))
    assert heads_of(result, "softmax_jacobian_bound") == [0.0]
    assert heads_of(result, "saturated_queries") == [1.0]
    assert gap(result, "logit_spread") == "no query or key that it could be measured on"


def test_scaling_the_scores_by_twenty_saturates() -> None:
    healthy, sick = (
        look(probe, call_of(drawn(1, length=64, spread=spread), site(heads=3))) for spread in (1.0, 20.0)
    )
    # The same queries and keys: every score is twenty times as large
    ratio = number(sick, "largest_logit") / number(healthy, "largest_logit")
    assert ratio == pytest.approx(20.0, rel=1e-5)
    assert number(healthy, "saturated_queries") < 0.05 < 0.5 < number(sick, "saturated_queries")
    assert number(sick, "softmax_jacobian") < 0.2 < 0.7 < number(healthy, "softmax_jacobian")


def test_weights_without_scores_have_no_largest_score() -> None:
    weights = torch.tensor([[[[0.75, 0.25]]]])
    result = look(probe, call_of(GivenMap(weights, None, is_softmax=True, is_causal=False, width=4), site()))
    assert gap(result, "largest_logit") == "its scores before the normaliser are not known"
    assert heads_of(result, "softmax_jacobian") == pytest.approx([3 / 8])


def test_gates_have_scores_and_no_probabilities() -> None:
    gates = written([[[0.9, 0.8], [0.1, 0.2]]], is_softmax=False)
    result = look(probe, call_of(gates, site(normaliser="sigmoid")))
    assert heads_of(result, "largest_logit") == pytest.approx(
        [log(10)]
    )  # the map's scores are logarithms here
    for metric in ("saturated_queries", "softmax_jacobian"):
        assert "do not add up to one" in gap(result, metric)


def test_another_normaliser_has_another_jacobian() -> None:
    result = look(probe, call_of(written([[[0.75, 0.25]]], is_softmax=False), site(normaliser="sparsemax")))
    assert gap(result, "softmax_jacobian") == "its normaliser is no softmax"
    assert heads_of(result, "saturated_queries") == [0.0]


def test_the_numbers_are_those_of_the_whole_map() -> None:
    attention = drawn(5, samples=2, heads=3, length=33)
    result = look(probe, call_of(attention, site(heads=3)))
    scores = attention.logits(torch.arange(33)).double()
    weights = scores.softmax(-1)
    assert heads_of(result, "softmax_jacobian") == pytest.approx(
        (1 - weights.square().sum(-1)).mean((0, 2)).tolist(), abs=1e-5
    )
    spreads = [
        sum(float(scores[n, h, i, : i + 1].var(correction=0)) ** 0.5 for n in range(2) for i in range(1, 33))
        / 64
        for h in range(3)
    ]
    assert heads_of(result, "logit_spread") == pytest.approx(spreads, abs=1e-5)
    largest = scores.masked_fill(scores == -torch.inf, 0.0).abs().amax((0, 2, 3))
    assert heads_of(result, "largest_logit") == pytest.approx(largest.tolist(), rel=1e-6)


def test_two_passes_merge_into_one() -> None:
    assert merging_is_one_pass(SaturationWatcher)
