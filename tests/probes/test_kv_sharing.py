"""Merging key-value heads, against the merge done on all tokens."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

import attnprobe
from attnprobe.probes.heads.latent import joint_products, rank_for, shares
from attnprobe.probes.heads.sharing import (
    SharingWatcher,
    aligned_products,
    best_pairs,
    merge_errors,
    neighbours,
    product_blocks,
    stretches,
)
from attnprobe.probes.kv_sharing import _joint, probe
from tests.probes.hand_traces import attention_site, dot_product
from tests.probes.head_calls import Layer, Plain, call_of, subject_of


def show(
    watcher: SharingWatcher, key: Tensor, value: Tensor | None = None, real: Tensor | None = None
) -> SharingWatcher:
    groups = tuple(range(key.shape[1]))
    value = key if value is None else value
    watcher.attention(
        call_of(heads=key.shape[1], key=key, value=value, key_tokens=real, group_of_head=groups)
    )
    return watcher


def merged(tokens: list[Tensor], turns: list[Tensor] | None = None) -> float:
    """‖X - mean‖ / ‖X‖ of some heads' centred tokens [tokens, D]."""
    own = [part.double() - part.double().mean(0) for part in tokens]
    turned = own if turns is None else [x @ turn for x, turn in zip(own, turns, strict=True)]
    mean = sum(turned) / len(turned)
    lost = sum(float((x - mean).square().sum()) for x in turned)
    return math.sqrt(lost / sum(float(x.square().sum()) for x in own))


def turn_onto(one: Tensor, other: Tensor) -> Tensor:
    """The rotation of `other` that brings it nearest to `one`."""
    one, other = (part.double() - part.double().mean(0) for part in (one, other))
    left, _, right = torch.linalg.svd(other.mT @ one)
    return left @ right


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 3), st.sampled_from([9, 33]), st.integers(1, 4), st.integers(0, 10**6))
def test_errors_are_those_of_the_merge(samples: int, length: int, width: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    watcher, kept = SharingWatcher(frozenset({0})), []
    for _ in range(2):
        key = torch.randn(samples, 4, length, width, generator=generator) + 4
        real = torch.arange(length) < torch.randint(2, length + 1, (samples, 1), generator=generator)
        show(watcher, key, real=real)
        kept += [key[n, :, i] for n, i in real.nonzero().tolist()]
    heads = list(torch.stack(kept, 1))  # 4 of [tokens, D]
    (blocks,) = product_blocks(watcher.sums, 0, "key")
    plain, _ = merge_errors(blocks, neighbours(4, 2))
    aligned, whole = merge_errors(blocks, neighbours(4, 2), aligned_products(blocks))
    for first in (0, 2):
        pair = heads[first : first + 2]
        assert plain[first] == pytest.approx(merged(pair), abs=1e-5)
        turns = [torch.eye(width, dtype=torch.float64), turn_onto(*pair)]
        assert aligned[first] == pytest.approx(merged(pair, turns), abs=1e-5)
    assert whole <= max(aligned) + 1e-9
    alone, _ = merge_errors(blocks, [(0, 1, 2, 3)], aligned_products(blocks))
    onto_first = [turn_onto(heads[0], head) for head in heads]
    assert alone[0] <= merged(heads, onto_first) + 1e-6


def test_two_batches_merge_into_one_pass() -> None:
    parts = torch.randn(2, 2, 4, 9, 3)
    one, other = (show(SharingWatcher(frozenset({0})), part) for part in parts)
    one.merge(other)
    whole = show(show(SharingWatcher(frozenset({0})), parts[0]), parts[1])
    for role in ("key", "value"):
        assert torch.allclose(product_blocks(one.sums, 0, role)[0], product_blocks(whole.sums, 0, role)[0])


def numbers(watcher: SharingWatcher, heads: int, width: int) -> dict[str, float]:
    found = probe.run(subject_of(heads=heads, width=width, kv_sharing=watcher)).measurements
    return {m.metric: float(m.value) for m in found if m.value is not None}


def test_copies_merge_for_nothing_and_rotated_copies_after_alignment() -> None:
    generator = torch.Generator().manual_seed(0)
    one = torch.randn(2, 1, 50, 3, generator=generator)
    turns = torch.linalg.qr(torch.randn(8, 3, 3, generator=generator))[0]
    found = numbers(show(SharingWatcher(frozenset({0})), one.expand(2, 8, 50, 3), one @ turns), 8, 3)
    for metric, value in found.items():
        if metric.startswith(("key_merge", "aligned_key", "value_merge_error_to")):
            assert value == pytest.approx(0, abs=1e-3)
    assert found["aligned_value_merge_error"] == pytest.approx(0, abs=1e-3)
    assert found["value_merge_error"] > 0.3


def test_heads_at_right_angles_lose_half_of_their_squares() -> None:
    # Two heads that never speak at once: the mean keeps half of each
    key = torch.zeros(1, 2, 4, 1)
    key[0, 0, :2, 0], key[0, 1, 2:, 0] = torch.tensor([1.0, -1.0]), torch.tensor([2.0, -2.0])
    found = numbers(show(SharingWatcher(frozenset({0})), key), 2, 1)
    assert found["key_merge_error"] == pytest.approx(math.sqrt(0.5))


def test_the_best_pairs_are_found_wherever_they_are() -> None:
    generator = torch.Generator().manual_seed(1)
    halves = torch.randn(1, 2, 60, 3, generator=generator)
    blocks = product_blocks(show(SharingWatcher(frozenset({0})), halves[:, [0, 1, 0, 1]]).sums, 0, "key")[0]
    pairs = best_pairs(aligned_products(blocks), [(0,), (1,), (2,), (3,)])
    assert pairs == [(0, 2), (1, 3)]


def test_joint_energy_is_that_of_the_singular_values() -> None:
    generator = torch.Generator().manual_seed(2)
    mixing = torch.randn(4, 12, generator=generator) * torch.tensor([4.0, 2, 1, 0.5])[:, None]
    tokens = torch.randn(200, 4, generator=generator) @ mixing + 0.01 * torch.randn(
        200, 12, generator=generator
    )
    key, value = (t.view(1, 200, 2, 3).transpose(1, 2) for t in (tokens[:, :6], 7 * tokens[:, 6:]))
    products = joint_products(show(SharingWatcher(frozenset({0})), key, value).sums, 0)
    assert not isinstance(products, str)
    sides = [part.double() - part.double().mean(0) for part in (tokens[:, :6], tokens[:, 6:])]
    squares = torch.linalg.svdvals(torch.cat([side / side.norm() for side in sides], 1)) ** 2
    assert torch.allclose(shares(products), squares / squares.sum(), atol=1e-5)


def test_the_rank_is_the_fewest_that_reach_the_target() -> None:
    known = torch.tensor([0.6, 0.3, 0.06, 0.04])
    assert [rank_for(known, target) for target in (0.5, 0.9 - 1e-4, 0.95, 1.0)] == [1, 2, 3, 4]


def test_few_tokens_say_nothing_about_many_dims() -> None:
    found = joint_products(show(SharingWatcher(frozenset({0})), torch.randn(1, 2, 3, 4)).sums, 0)
    assert found == "3 tokens are too few for 16 dims"


def test_many_heads_are_compared_with_their_neighbours() -> None:
    assert stretches(32, 128) == [slice(0, 8), slice(8, 16), slice(16, 24), slice(24, 32)]
    watcher = show(SharingWatcher(frozenset({0})), torch.randn(1, 4, 20, 600))
    result = probe.run(subject_of(heads=4, width=600, kv_sharing=watcher))
    reasons = {gap.metric: gap.reason for gap in result.not_measured}
    assert reasons["key_merge_error_to_one"] == "its keys have more than 1,024 dims"
    assert "more than 1,024 dims" in reasons["key_value_energy_at_sixth"]


@pytest.mark.parametrize("kind", [Layer, Plain])
def test_shared_heads_are_shown_for_each_that_uses_them(kind: type[Layer]) -> None:
    torch.manual_seed(0)
    layer, x = kind(groups=2).requires_grad_(False), torch.randn(3, 20, 24)
    (site,) = attnprobe.scan(layer, x, probes=["kv_sharing"], device="cpu", backward=False).sites
    _, key, _ = layer.qkv_of(x)
    expected = merged([key[:, group].flatten(0, 1) for group in range(2)])
    assert site.head_metrics["key_merge_error"] == pytest.approx([expected] * 4, rel=1e-4)


def test_a_few_of_many_large_sites_are_looked_at() -> None:
    large = attention_site(dot_product(score_ops=(), num_kv_heads=12, head_dim=64, value_dim=64))
    small = attention_site(dot_product(score_ops=(), num_kv_heads=8, head_dim=64, value_dim=64))
    assert _joint([large] * 12) == {0, 11}
    assert _joint([small] * 12) == set(range(12))
    assert _joint([small, large]) == {0, 1}


def test_one_key_value_head_cannot_be_merged() -> None:
    watcher = show(SharingWatcher(frozenset({0})), torch.randn(1, 1, 9, 2))
    result = probe.run(subject_of(heads=1, width=2, kv_sharing=watcher))
    assert "it has one key-value head" in {gap.reason for gap in result.not_measured}
