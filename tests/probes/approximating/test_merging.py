"""Watchers of several batches, and rows that come in several blocks."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from attnprobe.observing.calls import RowBlock
from attnprobe.observing.rows import row_blocks
from attnprobe.probes import (
    block_approximation,
    head_roles,
    low_rank_approximation,
    positional_heads,
    simple_approximation,
    top_key_approximation,
    window_approximation,
)
from attnprobe.records import Probe
from tests.probes.approximating.random_calls import Shape
from tests.probes.given_maps import show

PROBES = [
    block_approximation.probe,  # asks for its own rows
    head_roles.probe,
    low_rank_approximation.probe,
    positional_heads.probe,
    simple_approximation.probe,
    top_key_approximation.probe,
    window_approximation.probe,
]
every_probe = pytest.mark.parametrize("probe", PROBES, ids=[probe.name for probe in PROBES])


def _shape(length: int, padding: str = "right") -> Shape:
    return Shape(2, 2, 2, length, True, padding, torch.float32, seed=length)


def _watcher(probe: Probe) -> Any:
    assert probe.watch is not None
    return probe.watch(None)  # type: ignore[arg-type]


@every_probe
def test_batches_of_different_lengths_merge_into_what_one_pass_holds(probe: Probe) -> None:
    whole, one, other = _watcher(probe), _watcher(probe), _watcher(probe)
    for length, part in ((17, one), (90, other)):
        show(whole, _shape(length).call())
        show(part, _shape(length).call())
    one.merge(other)
    assert whole.sums._sums.keys() == one.sums._sums.keys() != set()
    for key, value in whole.sums._sums.items():
        assert torch.allclose(value, one.sums._sums[key], rtol=1e-12), key


@pytest.mark.parametrize("probe", PROBES[1:], ids=[probe.name for probe in PROBES[1:]])
@pytest.mark.parametrize(("length", "cuts"), [(17, (5, 6)), (1024, tuple(range(3, 256, 3)))])
def test_rows_in_small_blocks_give_what_one_block_gives(
    probe: Probe, length: int, cuts: tuple[int, ...]
) -> None:
    call = _shape(length, "none").call()
    assert call.map is not None
    whole, parts = _watcher(probe), _watcher(probe)
    show(whole, call)
    parts.attention(call)
    (block,) = row_blocks(call, call.map, seed=0)
    for cut in map(slice, (0, *cuts), (*cuts, len(block.index))):
        weights, visible = block.probabilities[:, :, cut], block.visible[:, :, cut]
        parts.rows(call, RowBlock(block.index[cut], weights, None, visible, block.valid[:, cut]))
    for key, value in whole.sums._sums.items():
        assert torch.allclose(value, parts.sums._sums[key], rtol=1e-5, atol=1e-5), key


@every_probe
def test_why_a_site_has_no_numbers_is_merged_too(probe: Probe) -> None:
    one, other = _watcher(probe), _watcher(probe)
    call = _shape(3).call()
    call.map, call.missing = None, "no map"
    show(other, call)
    one.merge(other)
    assert one.reasons == {0: "no map"}
