import pytest
import torch

from attnprobe.attention import DilatedWindow, Mask, SlidingWindow
from attnprobe.errors import MaskError, ShapeError
from attnprobe.testing import assert_core_conforms


def test_it_keeps_its_word():
    assert_core_conforms(DilatedWindow(window_size=6, dilation=3))


def test_equal_scores_give_the_mean_of_every_second_value():
    query = torch.zeros(1, 1, 6, 1)
    value = torch.arange(6.0).view(1, 1, 6, 1)
    causal = DilatedWindow(window_size=2, dilation=2)(query, query, value, Mask(is_causal=True))
    torch.testing.assert_close(causal.flatten(), torch.tensor([0.0, 1.0, 1.0, 2.0, 3.0, 4.0]))
    both = DilatedWindow(window_size=3, dilation=2)(query, query, value)
    # 0, 2; 1, 3; 0, 2, 4; 1, 3, 5; 2, 4; 3, 5
    torch.testing.assert_close(both.flatten(), torch.tensor([1.0, 2.0, 2.0, 3.0, 3.0, 4.0]))


def test_without_dilation_it_is_a_sliding_window():
    query, key, value = (torch.randn(1, 2, 63, 8) for _ in range(3))
    torch.testing.assert_close(
        DilatedWindow(window_size=7, dilation=1)(query, key, value), SlidingWindow(7)(query, key, value)
    )


def test_what_it_cannot_honour_is_refused():
    query = torch.randn(1, 1, 4, 8)
    with pytest.raises(MaskError, match="bias"):
        DilatedWindow()(query, query, query, Mask(bias=torch.zeros(4, 4)))
    with pytest.raises(ShapeError, match="dilation is 0"):
        DilatedWindow(dilation=0)
