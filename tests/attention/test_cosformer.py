"""Facts about cosFormer."""

from __future__ import annotations

import math

import pytest
import torch

from attnprobe.attention import Mask
from attnprobe.attention.cosformer import Cosformer
from attnprobe.errors import ShapeError
from attnprobe.testing import assert_core_conforms


def test_it_keeps_its_word() -> None:
    assert_core_conforms(Cosformer(300))


def test_the_cosine_of_the_distance_weighs() -> None:
    one = torch.ones(1, 1, 2, 1, dtype=torch.float64)
    value = torch.tensor([0.0, 1.0], dtype=torch.float64)[None, None, :, None]
    out = Cosformer(max_len=2)(one, one, value, Mask(is_causal=True))
    # Distance 1 of 2: cos(π / 4).
    assert out.flatten().tolist() == pytest.approx([0.0, 1 / (1 + math.sqrt(0.5))], abs=1e-12)


def test_longer_sequences_than_it_was_made_for_are_refused() -> None:
    x = torch.ones(1, 1, 9, 4)
    with pytest.raises(ShapeError, match="8 tokens; got 9"):
        Cosformer(8)(x, x, x)


def test_decoding_beyond_the_length_is_refused() -> None:
    core, x = Cosformer(8), torch.ones(1, 1, 8, 4)
    cache = core.new_cache()
    core.decode(x, x, x, cache)
    with pytest.raises(ShapeError, match="8 tokens; got 9"):
        core.decode(x[:, :, :1], x[:, :, :1], x[:, :, :1], cache)
