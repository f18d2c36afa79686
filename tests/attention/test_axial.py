"""Rows, then columns."""

from __future__ import annotations

import pytest
import torch

from attnprobe.attention import Axial, Mask
from attnprobe.errors import MaskError, ShapeError
from attnprobe.testing import assert_module_conforms


def test_it_conforms_on_one_row() -> None:
    assert_module_conforms(Axial(32, 4))


def test_it_equals_full_attention_behind_masks_of_rows_and_columns() -> None:
    torch.manual_seed(0)
    layer = Axial(16, 4, plane=(5, 7), num_kv_heads=2).double()
    x = torch.randn(2, 35, 16, dtype=torch.float64)
    for mask in (Mask(), Mask(padding=torch.rand(2, 35) > 0.3)):
        torch.testing.assert_close(layer(x, mask=mask), layer.reference(x, mask=mask))


def test_a_point_sees_its_row_first_and_the_others_through_it() -> None:
    torch.manual_seed(0)
    layer = Axial(8, 2, plane=(3, 4)).double()
    x = torch.randn(1, 12, 8, dtype=torch.float64, requires_grad=True)
    rows = layer.rows(x[:, :4])[0, 0].sum()  # what the first row is after its attention
    assert torch.autograd.grad(rows, x)[0][0, 4:].abs().max() == 0
    reach = torch.autograd.grad(layer(x)[0, 0].sum(), x)[0][0].abs().sum(1)
    assert (reach > 0).all()


def test_on_one_column_only_columns_mix() -> None:
    torch.manual_seed(0)
    layer = Axial(8, 2, plane=(5, 1)).double()
    x = torch.randn(2, 5, 8, dtype=torch.float64)
    alone = layer.rows.o_proj(layer.rows.v_proj(x))  # attention to one key is its value
    torch.testing.assert_close(layer(x), layer.columns(alone))


def test_what_it_cannot_do_is_refused() -> None:
    layer = Axial(8, 2, plane=(3, 4))
    with pytest.raises(MaskError, match="causal"):
        layer(torch.randn(1, 12, 8), mask=Mask(is_causal=True))
    with pytest.raises(ShapeError, match="12 points, but there are 13 tokens"):
        layer(torch.randn(1, 13, 8))
    with pytest.raises(ShapeError, match="height, width"):
        Axial(8, 2, plane=(3, 4, 5))
