"""Windows and neighbourhoods never hold a tensor that grows with the square of the points."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from attnprobe.attention import Axial, Neighbourhood, Sdpa, Swin


class _Largest(TorchDispatchMode):
    """Entries of the largest tensor that an operation gave."""

    entries = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        for tensor in out if isinstance(out, (tuple, list)) else (out,):
            if isinstance(tensor, torch.Tensor):
                self.entries = max(self.entries, tensor.numel())
        return out


def _largest(core: torch.nn.Module, side: int) -> int:
    query = torch.randn(1, 2, side * side, 8)
    with _Largest() as mode:
        core(query, query, query)
    return mode.entries


@pytest.mark.parametrize("name", ["swin", "neighbourhood"])
def test_four_times_the_points_take_four_times_the_memory(name: str) -> None:
    def core(side: int) -> torch.nn.Module:
        plane = (side, side)
        return Swin(8, plane=plane, shift=4, num_heads=2) if name == "swin" else Neighbourhood(7, plane=plane)

    assert _largest(core(64), 64) == 4 * _largest(core(32), 32)
    assert _largest(core(64), 64) < 4096 * 4096 / 16


def test_the_measure_sees_full_scores() -> None:
    with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
        assert _largest(Sdpa(), 32) == 2 * 1024 * 1024


def test_axial_attention_holds_scores_of_rows_and_columns_alone() -> None:
    layer = Axial(16, 2, plane=(48, 48))
    x = torch.randn(1, 48 * 48, 16)
    with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH), _Largest() as mode:
        layer(x)
    assert mode.entries == 2 * 48 * 48 * 48  # heads, rows, and scores of each row
