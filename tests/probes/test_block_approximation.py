"""Blocks of keys for blocks of queries."""

from __future__ import annotations

import pytest
import torch

from attnprobe.probes.approximating.blocks import block_size, query_blocks
from attnprobe.probes.block_approximation import probe
from tests.probes.given_maps import call_of, drawn, look, number, site, written


def result_of(weights: torch.Tensor):  # type: ignore[no-untyped-def]
    length = weights.shape[-1]
    values = torch.eye(length)[None, None]
    of = site(q_len=length, kv_len=length)
    return look(probe, call_of(written(weights[None].tolist()), of, value=values, group_of_head=(0,)))


def test_a_map_of_one_block_per_query_block_loses_nothing() -> None:
    result = result_of(torch.block_diag(*[torch.full((16, 16), 1 / 16)] * 4))
    assert number(result, "block_quarter_mass") == pytest.approx(1.0)
    assert number(result, "block_quarter_error") == pytest.approx(0.0, abs=1e-6)


def test_neighbouring_queries_share_their_choice() -> None:
    # Queries look in turn at the same place of four blocks; one block of four serves a quarter of them.
    place = torch.arange(64) % 16 + 16 * (torch.arange(64) % 4)
    result = result_of(torch.eye(64)[place])
    assert number(result, "block_quarter_mass") == pytest.approx(1 / 4)
    assert number(result, "block_quarter_error") == pytest.approx((3 / 4) ** 0.5, rel=1e-5)


def test_a_quarter_of_the_blocks_of_a_uniform_map_holds_a_quarter() -> None:
    result = result_of(torch.full((64, 64), 1 / 64))
    assert number(result, "block_quarter_mass") == pytest.approx(1 / 4)
    # 16 weights of 1/16 against 64 of 1/64: √(16 (3/64)² + 48 / 64²) / √(1 / 64) = √3.
    assert number(result, "block_quarter_error") == pytest.approx(3**0.5, rel=1e-5)


@pytest.mark.parametrize(("keys", "size"), [(1, 16), (256, 16), (257, 32), (512, 32), (513, 64), (9000, 64)])
def test_blocks_grow_with_the_length(keys: int, size: int) -> None:
    assert block_size(keys) == size


@pytest.mark.parametrize(("length", "starts"), [(40, [0, 16, 32]), (1024, [256, 768])])
def test_long_sequences_are_looked_at_in_evenly_spread_blocks(length: int, starts: list[int]) -> None:
    call = call_of(drawn(0, samples=1, heads=1, length=length), site())
    blocks = list(query_blocks(call))
    assert [int(block[0]) for block in blocks] == starts
    assert sum(map(len, blocks)) == min(length, 128)
