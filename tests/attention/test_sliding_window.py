import pytest
import torch

from attnprobe.attention import Attention, Mask, Sdpa, SlidingWindow
from attnprobe.errors import MaskError, ShapeError
from attnprobe.testing import assert_core_conforms


def _qkv(length: int) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(2, 4, length, 8, generator=generator, dtype=torch.float64) for _ in range(3)]


def test_it_keeps_its_word():
    assert_core_conforms(SlidingWindow(16))


def test_a_window_of_one_key_gives_the_own_value():
    query, key, value = _qkv(5)
    for is_causal in (False, True):
        out = SlidingWindow(1)(query, key, value, Mask(is_causal=is_causal))
        torch.testing.assert_close(out, value)


def test_equal_scores_give_the_mean_of_the_window():
    value = torch.arange(6.0).view(1, 1, 6, 1)
    query = torch.zeros(1, 1, 6, 1)
    # Causal, 3 keys: means of 0; 0, 1; 0, 1, 2; 1, 2, 3; …
    causal = SlidingWindow(3)(query, query, value, Mask(is_causal=True))
    torch.testing.assert_close(causal.flatten(), torch.tensor([0.0, 0.5, 1.0, 2.0, 3.0, 4.0]))
    # One to each side: means of 0, 1; 0, 1, 2; …; 4, 5.
    both = SlidingWindow(3)(query, query, value)
    torch.testing.assert_close(both.flatten(), torch.tensor([0.5, 1.0, 2.0, 3.0, 4.0, 4.5]))
    # Four keys: two to the left, one to the right.
    even = SlidingWindow(4)(query, query, value)
    torch.testing.assert_close(even.flatten(), torch.tensor([0.5, 1.0, 1.5, 2.5, 3.5, 4.0]))


@pytest.mark.parametrize("length", [1, 63, 257])
def test_a_window_over_all_keys_is_full_attention(length: int):
    query, key, value = _qkv(length)
    for mask, window_size in ((Mask(is_causal=True), length), (Mask(), 2 * length)):
        torch.testing.assert_close(
            SlidingWindow(window_size)(query, key, value, mask), Sdpa()(query, key, value, mask)
        )


def test_a_wider_window_is_nearer_to_full_attention():
    query, key, value = _qkv(257)
    full = Sdpa()(query, key, value)
    errors = [(SlidingWindow(size)(query, key, value) - full).norm().item() for size in (4, 32, 128, 514)]
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 1e-10


def test_the_cache_stays_as_small_as_the_window():
    layer = Attention(32, 4, SlidingWindow(5))
    cache = layer.new_cache()
    for _ in range(9):
        layer(torch.randn(1, 1, 32), cache=cache)
    assert cache.key.shape[2] == 4  # type: ignore[union-attr]
    assert cache.length == 9


def test_no_tensor_is_as_large_as_all_pairs():
    query, key, value = (torch.randn(1, 1, 2048, 8, requires_grad=True) for _ in range(3))
    largest = 0

    def watch(tensor: torch.Tensor) -> torch.Tensor:
        nonlocal largest
        largest = max(largest, tensor.numel())
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(watch, lambda tensor: tensor):
        SlidingWindow(64)(query, key, value, Mask(is_causal=True)).sum().backward()
    assert 0 < largest <= 2048 * 8 * 2


def test_a_window_without_keys_is_refused():
    with pytest.raises(ShapeError, match="window_size is 0"):
        SlidingWindow(0)


def test_sinks_are_refused():
    query, key, value = _qkv(5)
    with pytest.raises(MaskError, match="sinks"):
        SlidingWindow(2)(query, key, value, Mask(window=(1, 0), sinks=1))
