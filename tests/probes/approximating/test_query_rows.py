"""Which queries are looked at, and how weights meet values."""

from __future__ import annotations

import pytest
import torch

from attnprobe.observing.fused_map import FusedMap
from attnprobe.observing.rows import row_blocks, sampled_queries
from attnprobe.probes.approximating.query_rows import QueryRows, rows_of
from attnprobe.probes.approximating.sampling import is_last, sample_numbers
from tests.probes.given_maps import call_of, site


def rows_of_length(length: int, heads: int = 1, groups: tuple[int, ...] = (0,)) -> QueryRows:
    query, key = torch.randn(1, heads, length, 4), torch.randn(1, max(groups) + 1, length, 4)
    attention = FusedMap(query, key, groups, mask=None, is_causal=False, scale=0.5)
    call = call_of(attention, site(heads=heads), value=key, group_of_head=groups)
    (block,) = row_blocks(call, attention, seed=0)
    return rows_of(call, block)


@pytest.mark.parametrize("length", [1, 7, 256, 257, 1000, 1023, 4097])
def test_a_position_tells_which_of_the_sampled_queries_it_is(length: int) -> None:
    index = sampled_queries(length, seed=3)
    call = call_of(
        FusedMap(*[torch.zeros(1, 1, length, 1)] * 2, (0,), mask=None, is_causal=False, scale=1), site()
    )
    assert sample_numbers(call, index).tolist() == list(range(len(index)))


@pytest.mark.parametrize(("length", "count"), [(3, 3), (256, 256), (512, 128), (1024, 64), (2000, 64)])
def test_short_sequences_are_looked_at_whole_and_long_ones_thinned(length: int, count: int) -> None:
    assert len(rows_of_length(length).thinned.index) == count


def test_thinned_queries_lie_evenly_over_the_sequence() -> None:
    index = rows_of_length(1024).thinned.index
    assert (index // 16).tolist() == list(range(64))
    assert abs(float(index.double().mean()) - 511.5) < 16


def test_thinning_does_not_depend_on_how_the_rows_come_in_blocks() -> None:
    attention = FusedMap(*[torch.randn(1, 1, 1024, 4)] * 2, (0,), mask=None, is_causal=False, scale=0.5)
    call = call_of(attention, site())
    (block,) = row_blocks(call, attention, seed=0)
    whole = QueryRows(call, block.index, block.probabilities, block.visible, block.valid)
    parts = [
        QueryRows(
            call, block.index[s], block.probabilities[:, :, s], block.visible[:, :, s], block.valid[:, s]
        )
        for s in (slice(0, 7), slice(7, 8), slice(8, 256))
    ]
    assert torch.equal(torch.cat([part.thinned.index for part in parts]), whole.thinned.index)
    assert is_last(call, block)


@pytest.mark.parametrize("groups", [(0, 1, 2, 3), (0, 0, 1, 1), (0, 1, 0, 1), (0, 0, 0, 0)])
def test_each_head_mixes_the_values_of_its_own_group(groups: tuple[int, ...]) -> None:
    rows = rows_of_length(5, heads=4, groups=groups)
    assert rows.call.value is not None
    for head, group in enumerate(groups):
        expected = rows.weights[0, head] @ rows.call.value[0, group]
        assert torch.allclose(rows.output[0, head], expected, atol=1e-6)
        shared = rows.mixed(rows.uniform)[0, head]
        assert torch.allclose(shared, rows.call.value[0, group].mean(0).expand(5, -1), atol=1e-6)


def test_probes_that_are_shown_the_same_block_share_its_rows() -> None:
    attention = FusedMap(*[torch.randn(1, 1, 600, 4)] * 2, (0,), mask=None, is_causal=False, scale=0.5)
    call = call_of(attention, site())
    (block,) = row_blocks(call, attention, seed=0)
    assert rows_of(call, block) is rows_of(call, block)
    (again,) = row_blocks(call, attention, seed=0)
    assert rows_of(call, again) is not rows_of(call, block)
