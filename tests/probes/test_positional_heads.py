"""Maps that the distance tells."""

from __future__ import annotations

import pytest
import torch

from attnprobe.probes.positional_heads import probe
from tests.probes.given_maps import call_of, drawn, gap, look, number, site, written

LENGTH = 30


def result_of(weights: torch.Tensor, *, role: str = "self", is_causal: bool = False):  # type: ignore[no-untyped-def]
    values = torch.randn(1, 1, LENGTH, 4, generator=torch.Generator().manual_seed(0))
    of = site(q_len=LENGTH, kv_len=LENGTH, role=role)
    attention = written(weights[None].tolist(), is_causal=is_causal)
    return look(probe, call_of(attention, of, value=values, group_of_head=(0,)))


def test_a_map_of_one_offset_is_told_by_the_distance() -> None:
    result = result_of(torch.eye(LENGTH))
    assert number(result, "relative_position_share") == pytest.approx(1.0, abs=1e-5)
    assert number(result, "static_error") == pytest.approx(0.0, abs=1e-4)


def test_a_causal_head_that_looks_one_token_back_is_told_too() -> None:
    back = torch.eye(LENGTH)[(torch.arange(LENGTH) - 1).clamp(min=0)]
    result = result_of(back, is_causal=True)
    assert number(result, "relative_position_share") == pytest.approx(1.0, abs=1e-4)


def test_a_slow_decay_under_a_causal_mask_is_told() -> None:
    place = torch.arange(LENGTH)
    decay = ((place - place[:, None]) / 64).masked_fill(place > place[:, None], -torch.inf).softmax(-1)
    assert number(result_of(decay, is_causal=True), "relative_position_share") > 0.9


def test_before_and_after_are_told_apart() -> None:
    ahead = torch.eye(LENGTH)[(torch.arange(LENGTH) + 1).clamp(max=LENGTH - 1)]
    mixed = torch.where(torch.arange(LENGTH)[:, None] % 2 == 0, ahead, ahead.flip(0, 1))
    assert number(result_of(ahead), "relative_position_share") > 0.9
    assert 0.4 < number(result_of(mixed), "relative_position_share") < 0.6


def test_content_is_not_told_by_the_distance() -> None:
    order = torch.randperm(LENGTH, generator=torch.Generator().manual_seed(1))
    result = result_of(torch.eye(LENGTH)[order])
    assert number(result, "relative_position_share") < 0.1
    assert number(result, "static_error") > 0.8


def test_uniform_causal_attention_has_nothing_to_tell_and_loses_nothing() -> None:
    causal = torch.ones(LENGTH, LENGTH).tril()
    result = result_of(causal / causal.sum(-1, keepdim=True), is_causal=True)
    assert "uniform" in gap(result, "relative_position_share")
    assert number(result, "static_error") == pytest.approx(0.0, abs=1e-5)


def test_cross_attention_has_no_distance() -> None:
    assert "different sequences" in gap(result_of(torch.eye(LENGTH), role="cross"), "static_error")


def test_random_maps_are_hardly_told_by_the_distance_in_long_sequences_either() -> None:
    length = 600
    attention = drawn(0, samples=2, heads=2, length=length)
    of = site(heads=2, q_len=length, kv_len=length, is_causal=True)
    result = look(probe, call_of(attention, of, value=torch.randn(2, 2, length, 8), group_of_head=(0, 1)))
    assert 0 <= number(result, "relative_position_share") < 0.02
    assert number(result, "static_error") > 0.5
