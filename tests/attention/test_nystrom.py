"""Facts about Nyström attention."""

from __future__ import annotations

import pytest
import torch

from attnprobe.attention.nystrom import Nystrom, pseudo_inverse
from attnprobe.attention.sdpa import Sdpa
from attnprobe.errors import ShapeError
from attnprobe.testing import assert_core_conforms

_LANDMARKS = ("padding_length",)  # stretches are counted from the first position, and their number is fixed


def test_it_keeps_its_word() -> None:
    assert_core_conforms(Nystrom(16), skip=_LANDMARKS)


def test_a_landmark_for_every_token_is_full_attention() -> None:
    query, key, value = (torch.randn(2, 4, 63, 8) for _ in range(3))
    assert torch.allclose(Nystrom(63)(query, key, value), Sdpa()(query, key, value), atol=1e-6)


def test_more_landmarks_come_closer_to_full_attention() -> None:
    steps = torch.linspace(0, 6, 256, dtype=torch.float64)
    smooth = torch.stack([(steps * rate).sin() for rate in (1, 2, 3, 4)], dim=-1)[None, None]
    full = Sdpa()(3 * smooth, smooth, smooth)
    errors = [
        (Nystrom(landmarks)(3 * smooth, smooth, smooth) - full).norm().item() for landmarks in (4, 16, 64)
    ]
    assert errors[0] > 4 * errors[1] > 16 * errors[2]


def test_the_iteration_finds_the_inverse() -> None:
    matrix = torch.softmax(4 * torch.eye(6, dtype=torch.float64), dim=-1)
    one = torch.eye(6, dtype=torch.float64)
    assert torch.allclose(pseudo_inverse(matrix, 8) @ matrix, one, atol=1e-10)


def test_rows_and_columns_of_zeros_stay_zero_in_the_inverse() -> None:
    matrix = torch.tensor([[2.0, 0.0], [0.0, 0.0]], dtype=torch.float64)
    assert torch.allclose(pseudo_inverse(matrix, 20), torch.tensor([[0.5, 0.0], [0.0, 0.0]]).double())
    assert not pseudo_inverse(torch.zeros(2, 2), 6).any()


def test_no_landmark_is_refused() -> None:
    with pytest.raises(ShapeError, match="at least one landmark"):
        Nystrom(0)
