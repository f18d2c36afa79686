import pytest
import torch

from attnprobe.attention import Mask, Sdpa, TopK
from attnprobe.errors import ShapeError
from attnprobe.testing import assert_core_conforms


def test_it_keeps_its_word():
    assert_core_conforms(TopK(keys=6))


def test_one_key_gives_the_value_of_the_largest_score():
    query = torch.ones(1, 1, 1, 1)
    key = torch.tensor([0.1, 0.9, -2.0, 0.5]).view(1, 1, 4, 1)
    value = torch.tensor([10.0, 20.0, 30.0, 40.0]).view(1, 1, 4, 1)
    assert TopK(keys=1)(query, key, value).item() == 20.0
    # Scores 0.9 and 0.5: weights 1 / (1 + exp(-0.4)) = 0.598688 and 0.401312
    assert TopK(keys=2)(query, key, value).item() == pytest.approx(0.598688 * 20 + 0.401312 * 40, rel=1e-5)


def test_equal_scores_are_all_kept():
    query = torch.zeros(1, 1, 3, 1)
    value = torch.tensor([3.0, 6.0, 9.0]).view(1, 1, 3, 1)
    torch.testing.assert_close(TopK(keys=1)(query, query, value), torch.full((1, 1, 3, 1), 6.0))


def test_more_keys_are_nearer_to_full_attention():
    generator = torch.Generator().manual_seed(0)
    query, key, value = (torch.randn(1, 2, 63, 8, generator=generator) for _ in range(3))
    full = Sdpa()(query, key, value, Mask(is_causal=True))
    errors = [
        (TopK(keys)(query, key, value, Mask(is_causal=True)) - full).norm().item() for keys in (1, 4, 16, 63)
    ]
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 1e-5


def test_no_keys_are_refused():
    with pytest.raises(ShapeError, match="keys is 0"):
        TopK(0)
