"""A core for each group of heads."""

from __future__ import annotations

import pytest
import torch

from attnprobe.attention import Attention, HybridHeads, Linear, Mask, Sdpa, SlidingWindow
from attnprobe.errors import MaskError, ShapeError, UsageError
from attnprobe.testing import assert_core_conforms


def _inputs(heads: int, groups: int) -> tuple[torch.Tensor, ...]:
    generator = torch.Generator().manual_seed(0)
    sizes = (heads, groups, groups)
    return tuple(torch.randn(2, n, 21, 8, dtype=torch.float64, generator=generator) for n in sizes)


@pytest.mark.parametrize("heads", [[1, 3], [(0, 2), (3, 1)]])
def test_it_conforms(heads: list[int]) -> None:
    assert_core_conforms(HybridHeads([Sdpa(), SlidingWindow(8)], heads), lengths=(1, 7, 63))


@pytest.mark.parametrize("groups", [1, 2, 3, 6])
@pytest.mark.parametrize("local", [(0, 1, 2), (1, 4), (5, 0, 3, 2), (0,)])
def test_every_head_is_that_of_its_core(groups: int, local: tuple[int, ...]) -> None:
    query, key, value = _inputs(6, groups)
    others = tuple(head for head in range(6) if head not in local)
    mask = Mask(is_causal=True, bias=torch.randn(6, 21, 21, dtype=torch.float64))
    core = HybridHeads([_Local(), Sdpa()], [local, others])
    found = core(query, key, value, mask)
    for heads, alone in ((local, _Local()), (others, Sdpa())):
        whole = alone(query, key, value, mask)
        torch.testing.assert_close(found[:, list(heads)], whole[:, list(heads)])


def test_a_group_of_one_core_is_that_core() -> None:
    query, key, value = _inputs(4, 2)
    found = HybridHeads([Sdpa()], [4])(query, key, value)
    assert torch.equal(found, Sdpa()(query, key, value))


def test_it_supports_what_all_cores_support() -> None:
    mixed = HybridHeads([Sdpa(), Linear()], [2, 2])
    assert mixed.supports == Sdpa.supports & Linear().supports
    with pytest.raises(MaskError, match="bias"):
        mixed(*_inputs(4, 4), Mask(bias=torch.zeros(21, 21, dtype=torch.float64)))


def test_heads_that_are_not_dealt_out_once_are_errors() -> None:
    with pytest.raises(ShapeError, match="exactly once"):
        HybridHeads([Sdpa(), Sdpa()], [(0, 1), (1, 2)])
    with pytest.raises(ShapeError, match="2 cores, but heads for 1"):
        HybridHeads([Sdpa(), Sdpa()], [4])
    with pytest.raises(ShapeError, match="4 heads are dealt out, but there are 6"):
        HybridHeads([Sdpa(), Sdpa()], [1, 3])(*_inputs(6, 6))
    with pytest.raises(UsageError, match="takes cores"):
        HybridHeads([Attention(8, 2)], [2])  # type: ignore[list-item]


class _Local(Sdpa):
    """Only the last four keys."""

    def attend(
        self, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, mask: Mask, scale: float
    ) -> torch.Tensor:
        window = Mask(is_causal=True, window=(3, 0), bias=mask.bias)
        return super().attend(query, key, value, window, scale)
