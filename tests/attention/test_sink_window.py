import pytest
import torch

from attnprobe.attention import Attention, Mask, SinkWindow, SlidingWindow
from attnprobe.errors import ShapeError
from attnprobe.testing import assert_core_conforms


def test_it_keeps_its_word():
    # The first keys are those of the tensor: with padding in front these are other ones.
    assert_core_conforms(SinkWindow(sinks=3, window_size=9), skip=["padding_length"])


def test_equal_scores_give_the_mean_of_sinks_and_window():
    query = torch.zeros(1, 1, 6, 1)
    value = torch.arange(6.0).view(1, 1, 6, 1)
    out = SinkWindow(sinks=1, window_size=2)(query, query, value, Mask(is_causal=True))
    # 0; 0, 1; 0, 1, 2; 0, 2, 3; 0, 3, 4; 0, 4, 5
    torch.testing.assert_close(out.flatten(), torch.tensor([0.0, 0.5, 1.0, 5 / 3, 7 / 3, 3.0]))


def test_without_sinks_it_is_a_sliding_window():
    query, key, value = (torch.randn(1, 2, 63, 8) for _ in range(3))
    for mask in (Mask(), Mask(is_causal=True)):
        torch.testing.assert_close(
            SinkWindow(sinks=0, window_size=7)(query, key, value, mask),
            SlidingWindow(7)(query, key, value, mask),
        )


def test_the_cache_keeps_sinks_and_window():
    layer = Attention(32, 4, SinkWindow(sinks=2, window_size=5))
    cache = layer.new_cache()
    for _ in range(12):
        layer(torch.randn(1, 1, 32), cache=cache)
    assert cache.key.shape[2] == 2 + 4  # type: ignore[union-attr]


def test_fewer_sinks_than_none_are_refused():
    with pytest.raises(ShapeError, match="sinks is -1"):
        SinkWindow(sinks=-1)
