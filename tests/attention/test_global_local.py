import pytest
import torch

from attnprobe.attention import GlobalLocal, Mask, Sdpa, SinkWindow
from attnprobe.errors import ShapeError
from attnprobe.testing import assert_core_conforms


def test_it_keeps_its_word():
    # The global tokens are the first of the tensor: with padding in front these are other ones.
    assert_core_conforms(GlobalLocal(global_tokens=3, window_size=9), skip=["padding_length"])


def test_equal_scores_give_the_mean_of_what_is_seen():
    query = torch.zeros(1, 1, 6, 1)
    value = torch.arange(6.0).view(1, 1, 6, 1)
    out = GlobalLocal(global_tokens=1, window_size=3)(query, query, value)
    # All of 0 … 5; 0, 1, 2; 0, 1, 2, 3; 0, 2, 3, 4; 0, 3, 4, 5; 0, 4, 5
    torch.testing.assert_close(out.flatten(), torch.tensor([2.5, 1.0, 1.5, 2.25, 3.0, 3.0]))


def test_global_tokens_get_full_attention():
    query, key, value = (torch.randn(1, 2, 257, 8) for _ in range(3))
    out = GlobalLocal(global_tokens=5, window_size=16)(query, key, value)
    torch.testing.assert_close(out[:, :, :5], Sdpa()(query, key, value)[:, :, :5])


def test_under_a_causal_mask_global_tokens_are_sinks():
    query, key, value = (torch.randn(1, 2, 63, 8) for _ in range(3))
    mask = Mask(is_causal=True)
    torch.testing.assert_close(
        GlobalLocal(global_tokens=4, window_size=7)(query, key, value, mask),
        SinkWindow(sinks=4, window_size=7)(query, key, value, mask),
    )


def test_with_global_tokens_only_it_is_full_attention():
    query, key, value = (torch.randn(1, 2, 63, 8) for _ in range(3))
    out = GlobalLocal(global_tokens=63, window_size=1)(query, key, value)
    torch.testing.assert_close(out, Sdpa()(query, key, value))


def test_fewer_global_tokens_than_none_are_refused():
    with pytest.raises(ShapeError, match="global_tokens is -1"):
        GlobalLocal(global_tokens=-1)
