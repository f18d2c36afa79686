"""Facts about Linformer."""

from __future__ import annotations

import pytest
import torch

from attnprobe.attention.linformer import Linformer
from attnprobe.attention.sdpa import Sdpa
from attnprobe.errors import ShapeError
from attnprobe.testing import assert_core_conforms

_LANDMARKS = ("padding_length",)  # a column of the projections belongs to a position


def inputs(length: int) -> tuple[torch.Tensor, ...]:
    generator = torch.Generator().manual_seed(0)
    return tuple(torch.randn(2, 4, length, 8, generator=generator) for _ in range(3))


def test_it_keeps_its_word() -> None:
    assert_core_conforms(Linformer(16, seq_len=300), skip=_LANDMARKS)


def test_a_rank_of_the_length_is_full_attention() -> None:
    query, key, value = inputs(63)
    out = Linformer(63, seq_len=63)(query, key, value)
    assert torch.allclose(out, Sdpa()(query, key, value), atol=1e-6)


def test_more_rank_comes_closer_to_full_attention() -> None:
    query, key, value = inputs(64)
    full = Sdpa()(query, key, value)
    errors = [(Linformer(rank, 64)(query, key, value) - full).norm().item() for rank in (4, 32, 56, 64)]
    assert errors[0] > errors[1] > errors[2] > errors[3]


def test_projections_begin_as_means() -> None:
    start = Linformer(2, seq_len=5).key_projection
    assert start.tolist() == [
        pytest.approx([1 / 2, 1 / 2, 0, 0, 0]),
        pytest.approx([0, 0, 1 / 3, 1 / 3, 1 / 3]),
    ]


def test_longer_sequences_than_it_was_made_for_are_refused() -> None:
    with pytest.raises(ShapeError, match="8 keys; got 9"):
        Linformer(4, seq_len=8)(*inputs(9))


def test_a_rank_above_the_length_is_refused() -> None:
    with pytest.raises(ShapeError, match="between 1 and seq_len"):
        Linformer(9, seq_len=8)
