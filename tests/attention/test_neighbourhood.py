"""Neighbours on a plane: the window moves inwards at borders, as in NATTEN."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from attnprobe.attention import Mask, Neighbourhood, Sdpa
from attnprobe.errors import ShapeError
from attnprobe.testing import assert_core_conforms


def _inputs(tokens: int) -> tuple[Tensor, Tensor, Tensor]:
    torch.manual_seed(0)
    sizes = ((4, 8), (2, 8), (2, 6))
    query, key, value = (torch.randn(2, n, tokens, width, dtype=torch.float64) for n, width in sizes)
    return query, key, value


def _seen(core: Neighbourhood, tokens: int) -> list[set[int]]:
    """Which keys each query sees: equal scores, and the identity as values."""
    query = torch.zeros(1, 1, tokens, 2)
    weights = core(query, query, torch.eye(tokens)[None, None])[0, 0]
    return [set(torch.nonzero(row).flatten().tolist()) for row in weights]


# Padding moves the border of a plane, at which windows stop; `padding_length` does not apply.
@pytest.mark.parametrize("dilation", [1, 3])
def test_it_conforms_on_a_line(dilation: int) -> None:
    assert_core_conforms(Neighbourhood(5, dilation=dilation), skip=["padding_length"])


@pytest.mark.parametrize("plane", [(8, 8), (7, 9), (23, 3), (1, 5), (3, 5, 4)])
@pytest.mark.parametrize("dilation", [1, 2, 3])
def test_it_equals_full_attention_behind_a_dense_mask(plane: tuple[int, ...], dilation: int) -> None:
    query, key, value = _inputs(torch.Size(plane).numel())
    core = Neighbourhood(3, plane=plane, dilation=dilation)
    for mask in (Mask(), Mask(padding=torch.rand(2, query.shape[2]) > 0.3)):
        found = core(query, key, value, mask)
        torch.testing.assert_close(found, core.reference(query, key, value, mask, 8**-0.5))


def test_at_a_border_the_window_moves_inwards() -> None:
    middle = [{i - 1, i, i + 1} for i in range(1, 5)]
    assert _seen(Neighbourhood(3), 6) == [{0, 1, 2}, *middle, {3, 4, 5}]


def test_with_a_dilation_points_of_one_remainder_see_each_other() -> None:
    # 7 points, every second: 0 2 4 6 and 1 3 5, three of them each.
    expected = [{0, 2, 4}, {1, 3, 5}, {0, 2, 4}, {1, 3, 5}, {2, 4, 6}, {1, 3, 5}, {2, 4, 6}]
    assert _seen(Neighbourhood(3, dilation=2), 7) == expected


def test_on_a_plane_neighbours_are_a_square() -> None:
    # 4 x 5, rows of 5: the corner sees rows 0 to 2, columns 0 to 2; point (2, 3) rows 1 to 3, columns 2 to 4.
    seen = _seen(Neighbourhood(3, plane=(4, 5)), 20)
    assert seen[0] == {0, 1, 2, 5, 6, 7, 10, 11, 12}
    assert seen[2 * 5 + 3] == {7, 8, 9, 12, 13, 14, 17, 18, 19}
    assert all(len(each) == 9 for each in seen)


def test_a_window_beyond_the_plane_is_full_attention() -> None:
    query, key, value = _inputs(35)
    found = Neighbourhood(7, plane=(5, 7))(query, key, value)
    torch.testing.assert_close(found, Sdpa()(query, key, value))


def test_an_even_window_is_an_error() -> None:
    with pytest.raises(ShapeError, match="must be odd"):
        Neighbourhood(4)
