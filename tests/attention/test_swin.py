"""Windows of a plane: who sees whom, the shift mask, the relative bias."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from attnprobe.attention import Mask, Sdpa, Swin
from attnprobe.errors import MaskError, ShapeError
from attnprobe.testing import assert_core_conforms

ALL = Mask()


def _inputs(tokens: int, batch: int = 2, heads: int = 4, groups: int = 2) -> tuple[Tensor, Tensor, Tensor]:
    torch.manual_seed(0)
    sizes = ((heads, 8), (groups, 8), (groups, 6))
    query, key, value = (torch.randn(batch, n, tokens, width, dtype=torch.float64) for n, width in sizes)
    return query, key, value


def _biased(core: Swin) -> Swin:
    assert core.bias is not None
    torch.nn.init.normal_(core.bias.table)
    return core.double()


# What padding is added moves the windows of a plane, so `padding_length` does not apply.
@pytest.mark.parametrize("shift", [0, 3])
def test_it_conforms_on_a_line(shift: int) -> None:
    assert_core_conforms(Swin(7, shift=shift, num_heads=4), skip=["padding_length"])


@pytest.mark.parametrize("plane", [(8, 8), (7, 9), (13, 4), (1, 5), (3, 5, 4)])
@pytest.mark.parametrize("shift", [0, 2])
def test_it_equals_full_attention_behind_a_dense_mask(plane: tuple[int, ...], shift: int) -> None:
    query, key, value = _inputs(torch.Size(plane).numel())
    padding = torch.rand(2, query.shape[2]) > 0.3
    for core in (Swin(4, plane=plane, shift=shift), _biased(Swin(4, plane=plane, shift=shift, num_heads=4))):
        for mask in (ALL, Mask(padding=padding)):
            found = core(query, key, value, mask)
            torch.testing.assert_close(found, core.reference(query, key, value, mask, 8**-0.5))


def test_after_a_shift_opposite_borders_do_not_see_each_other() -> None:
    # A line of 8 with windows of 4 moved by 2: {0, 1}, {2, 3, 4, 5}, {6, 7}. Equal scores average the values.
    query = torch.zeros(1, 1, 8, 4)
    value = torch.arange(8.0).reshape(1, 1, 8, 1)
    out = Swin(4, shift=2)(query, query, value).flatten()
    assert out.tolist() == [0.5, 0.5, 3.5, 3.5, 3.5, 3.5, 6.5, 6.5]


def test_a_plane_is_cut_along_both_axes() -> None:
    # 2 x 4 points in windows of 2 x 2: rows 0 1 2 3 / 4 5 6 7, windows {0, 1, 4, 5} and {2, 3, 6, 7}.
    query = torch.zeros(1, 1, 8, 4)
    value = torch.arange(8.0).reshape(1, 1, 8, 1)
    out = Swin(2, plane=(2, 4))(query, query, value).flatten()
    assert out.tolist() == [2.5, 2.5, 4.5, 4.5, 2.5, 2.5, 4.5, 4.5]


def test_the_bias_goes_by_offset() -> None:
    # Two points, bias log 3 for offset +1 (query behind its key): weights 1/2 1/2 and 3/4 1/4.
    core = Swin(2, num_heads=1)
    assert core.bias is not None
    with torch.no_grad():
        core.bias.table[0, 2] = torch.log(torch.tensor(3.0))  # offsets -1, 0, +1
    query, value = torch.zeros(1, 1, 2, 4), torch.tensor([0.0, 4.0]).reshape(1, 1, 2, 1)
    torch.testing.assert_close(core(query, query, value).flatten(), torch.tensor([2.0, 1.0]))


@pytest.mark.parametrize("shift", [0, 3])
def test_one_window_over_the_plane_is_full_attention(shift: int) -> None:
    query, key, value = _inputs(63)
    found = Swin(9, plane=(7, 9), shift=shift, num_heads=4).double()(query, key, value)
    torch.testing.assert_close(found, Sdpa()(query, key, value))


def test_a_plane_of_another_size_is_an_error() -> None:
    with pytest.raises(ShapeError, match="7 x 7 has 49 points, but there are 50 tokens"):
        Swin(7, plane=(7, 7))(*_inputs(50))
    with pytest.raises(ShapeError, match="smaller than window_size"):
        Swin(4, shift=4)


def test_causality_is_refused() -> None:
    with pytest.raises(MaskError, match="causal"):
        Swin(4)(*_inputs(8), Mask(is_causal=True))
