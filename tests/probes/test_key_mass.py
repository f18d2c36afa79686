"""What keys receive: sinks, coverage, padding, the future."""

from __future__ import annotations

from dataclasses import replace
from math import log

import pytest
import torch
from given_maps import call_of, drawn, gap, heads_of, look, merging_is_one_pass, number, site, tokens, written

from attnprobe.observing.fused_map import FusedMap
from attnprobe.probes.key_mass import probe
from attnprobe.probes.map_statistics.key_masses import KeyMassWatcher

HALVES = [[1.0, 0.0], [0.5, 0.5]]
UNIFORM_CAUSAL = [[1.0, 0.0, 0.0], [0.5, 0.5, 0.0], [1 / 3, 1 / 3, 1 / 3]]


def test_a_sink_is_the_mean_mass_over_the_queries_that_see_it() -> None:
    result = look(probe, call_of(written([UNIFORM_CAUSAL], is_causal=True), site(is_causal=True)))
    # Key 0: (1 + 1/2 + 1/3) / 3 queries = 11/18; key 1: (1/2 + 1/3) / 2 = 5/12; key 2: 1/3
    assert heads_of(result, "sink_mass") == pytest.approx([11 / 18])
    assert heads_of(result, "sink_position") == [0.0]
    assert number(result, "sink_heads") == 1.0  # .61 > .3, as it must be with so few keys


def test_only_the_first_four_positions_are_sinks() -> None:
    on_fifth = torch.zeros(6, 6)
    on_fifth[:, 4] = 1.0
    result = look(probe, call_of(written([on_fifth.tolist()]), site()))
    assert heads_of(result, "sink_mass") == [0.0]
    assert heads_of(result, "largest_key_mass") == [1.0]


def test_the_position_of_a_sink_is_told_by_head() -> None:
    heads = torch.zeros(2, 5, 5)
    heads[0, :, 1], heads[1, :, 3] = 1.0, 1.0
    result = look(probe, call_of(written(heads.tolist()), site(heads=2)))
    assert heads_of(result, "sink_position") == [1.0, 3.0]
    assert number(result, "sink_heads", "") == 1.0


def test_first_positions_are_counted_from_the_first_real_token() -> None:
    weights = torch.zeros(1, 1, 6, 6)
    weights[..., 2] = 1.0
    mask = tokens([0, 0, 1, 1, 1, 1])
    result = look(probe, call_of(written(weights.tolist()), site(), query_tokens=mask, key_tokens=mask))
    assert heads_of(result, "sink_position") == [0.0]
    assert heads_of(result, "sink_mass") == [1.0]


def test_a_late_key_with_few_receivers_is_no_largest_key() -> None:
    # The last key of a causal sequence is seen by one query of four, which gives it everything
    rows = torch.tensor([[1.0, 0, 0, 0], [0.5, 0.5, 0, 0], [0.25, 0.25, 0.5, 0], [0, 0, 0, 1.0]])
    result = look(probe, call_of(written([rows.tolist()], is_causal=True), site(is_causal=True)))
    # Keys 0, 1, 2 have 4, 3, 2 receivers of 4: masses 1.75/4, .75/3, .5/2
    assert heads_of(result, "largest_key_mass") == pytest.approx([1.75 / 4])


def test_column_entropy_is_one_when_all_keys_receive_alike() -> None:
    diagonal = torch.eye(5).tolist()
    one_key = torch.zeros(5, 5)
    one_key[:, 0] = 1.0
    result = look(probe, call_of(written([diagonal, one_key.tolist()]), site(heads=2)))
    assert heads_of(result, "column_entropy") == pytest.approx([1.0, 0.0], abs=1e-6)


def test_a_causal_diagonal_covers_all_keys_too() -> None:
    result = look(probe, call_of(written([torch.eye(5).tolist()], is_causal=True), site(is_causal=True)))
    assert heads_of(result, "column_entropy") == pytest.approx([1.0], abs=1e-6)
    assert heads_of(result, "unattended_keys") == [0.0]


def test_column_entropy_by_hand() -> None:
    result = look(probe, call_of(written([HALVES]), site()))
    # Masses 3/2 and 1/2 of 2: shares 3/4 and 1/4
    assert heads_of(result, "column_entropy") == pytest.approx([(0.75 * log(4 / 3) + 0.25 * log(4)) / log(2)])


def test_unattended_is_below_a_tenth_of_uniform_attention() -> None:
    # Four keys, four queries: uniform gives each key 1. The last gets 4 * .02 = .08, the third 4 * .03 = .12
    row = [0.50, 0.45, 0.03, 0.02]
    result = look(probe, call_of(written([[row] * 4]), site()))
    assert heads_of(result, "unattended_keys") == [0.25]
    assert number(result, "unseen_positions", "") == 0.25


def test_a_position_that_another_layer_attends_is_seen() -> None:
    first, last = torch.zeros(2, 3, 3).unbind()
    first[:, 0], last[:, 2] = 1.0, 1.0
    calls = [
        call_of(written([weights.tolist()]), site(f"layer{i}"), i) for i, weights in enumerate((first, last))
    ]
    result = look(probe, *calls)
    assert heads_of(result, "unattended_keys", "layer0") == pytest.approx([2 / 3])
    assert number(result, "unseen_positions", "") == pytest.approx(1 / 3)


def test_unseen_positions_need_every_map() -> None:
    calls = [call_of(written([HALVES]), site("a"), 0), call_of(None, site("b"), 1, missing="opaque")]
    assert gap(look(probe, *calls), "unseen_positions", "") == (
        "not all attentions of the model could be followed by token: b"
    )


def test_padding_receives_what_real_queries_give_it() -> None:
    # Sample 0 has one padded token, sample 1 none and does not count
    weights = [[[[0.6, 0.4], [0.1, 0.9]]], [[[0.5, 0.5], [0.5, 0.5]]]]
    mask = tokens([1, 0], [1, 1])
    result = look(probe, call_of(written(weights), site(), query_tokens=mask, key_tokens=mask))
    assert heads_of(result, "padding_mass") == pytest.approx([0.4])
    assert gap(look(probe, call_of(written(weights), site())), "padding_mass") == "no padding among its keys"


def test_distance_is_counted_in_tokens() -> None:
    result = look(probe, call_of(written([HALVES]), site()))
    # Query 0 looks at itself; query 1 at distances 1 and 0: half a token
    assert heads_of(result, "attended_distance") == pytest.approx([0.25])


def test_future_mass_by_hand() -> None:
    weights = [[0.7, 0.2, 0.1], [0.3, 0.3, 0.4], [0.2, 0.2, 0.6]]
    result = look(probe, call_of(written([weights]), site()))
    assert heads_of(result, "future_mass") == pytest.approx([(0.3 + 0.4 + 0.0) / 3])
    assert heads_of(result, "largest_future_mass") == pytest.approx([0.4])
    assert number(result, "visible_future") == 1.0


def test_a_causal_mask_shows_no_future() -> None:
    result = look(probe, call_of(drawn(0, length=300), site(heads=3)))
    assert number(result, "visible_future") == 0.0
    assert heads_of(result, "future_mass") == heads_of(result, "largest_future_mass") == [0.0] * 3


def test_a_mask_that_is_one_off_shows_one_later_key_of_each_query() -> None:
    generator = torch.Generator().manual_seed(0)
    query, key = (torch.randn(1, 2, 40, 8, generator=generator) for _ in range(2))
    leaking = torch.ones(40, 40, dtype=torch.bool).tril(1)[None, None]
    attention = FusedMap(query, key, (0, 1), mask=leaking, is_causal=False, scale=0.35)
    result = look(probe, call_of(attention, site(heads=2)))
    # 39 of the 40 * 39 / 2 later pairs
    assert number(result, "visible_future") == pytest.approx(39 / 780)
    expected = attention.rows(torch.arange(40)).triu(1).sum(-1)
    assert heads_of(result, "future_mass") == pytest.approx(expected.mean((0, 2)).tolist(), rel=1e-5)
    assert heads_of(result, "largest_future_mass") == pytest.approx(expected.amax((0, 2)).tolist(), rel=1e-5)


def test_cross_attention_has_no_future() -> None:
    weights = [[0.5, 0.25, 0.25], [0.1, 0.2, 0.7]]
    result = look(probe, call_of(written([weights]), site(role="cross")))
    assert gap(result, "future_mass") == "its queries and keys are not the same tokens in the same order"
    assert heads_of(result, "sink_mass") == pytest.approx([0.475])  # (.25 + .7) / 2 at key 2


def test_queries_that_see_nothing_are_counted_and_give_nothing() -> None:
    attention = drawn(0, samples=2, heads=1, length=4)
    mask = torch.ones(2, 1, 4, 4, dtype=torch.bool)
    mask[0, 0, 2] = False
    blind = FusedMap(attention._query, attention._key, (0,), mask=mask, is_causal=False, scale=1.0)
    assert number(look(probe, call_of(blind, site())), "fully_masked_queries") == 1.0
    padded = call_of(
        FusedMap(attention._query, attention._key, (0,), mask=mask, is_causal=False, scale=1.0),
        site(),
        query_tokens=tokens([1, 1, 0, 1], [1, 1, 1, 1]),
    )
    assert number(look(probe, padded), "fully_masked_queries") == 0.0


def test_the_fused_kernel_gives_what_the_whole_map_gives() -> None:
    fused = drawn(3, length=60)
    whole = written(fused.rows(torch.arange(60)).tolist(), is_causal=True)
    one, other = (look(probe, call_of(attention, site(heads=3))) for attention in (fused, whole))
    for metric in ("sink_mass", "largest_key_mass", "column_entropy", "unattended_keys", "attended_distance"):
        assert heads_of(one, metric) == pytest.approx(heads_of(other, metric), abs=1e-5)


def test_windows_of_an_image_are_not_followed_by_token() -> None:
    result = look(probe, replace(call_of(written([HALVES]), site(windows=4)), windows=4))
    assert "attn" in gap(result, "unseen_positions", "")
    assert heads_of(result, "sink_mass") == pytest.approx([0.75])


def test_two_passes_merge_into_one() -> None:
    assert merging_is_one_pass(KeyMassWatcher)
