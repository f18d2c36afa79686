"""Tensors as models lay them out, brought into [samples, heads, positions, width]."""

import torch

from attnprobe.observing.layout import arrangement, canonical, groups_of_heads, without_copies
from attnprobe.records import Operand

B, H, L, D = 2, 3, 5, 4


def _numbered(*shape: int) -> torch.Tensor:
    return torch.arange(B * H * L * D, dtype=torch.float32).reshape(shape)


def test_heads_folded_into_samples_are_unfolded() -> None:
    whole = _numbered(B, H, L, D)
    folded = Operand(0, ((("n", B), ("h", H)), (("l", L),), (("d", D),)))
    found = canonical(whole.reshape(B * H, L, D), arrangement(folded, "l", "d"))
    assert torch.equal(found, whole)


def test_heads_folded_before_samples_are_told_apart_by_their_order() -> None:
    whole = _numbered(B, H, L, D)
    folded = Operand(0, ((("h", H), ("n", B)), (("l", L),), (("d", D),)))
    found = canonical(whole.transpose(0, 1).reshape(B * H, L, D), arrangement(folded, "l", "d"))
    assert torch.equal(found, whole)


def test_heads_folded_into_queries_are_unfolded() -> None:
    whole = _numbered(B, H, L, D)
    operand = Operand(0, ((("n", B),), (("h", H), ("l", L)), (("d", D),)))
    assert torch.equal(canonical(whole.reshape(B, H * L, D), arrangement(operand, "l", "d")), whole)


def test_a_transposed_key_is_turned_back() -> None:
    whole = _numbered(B, H, L, D)
    operand = Operand(0, ((("n", B), ("h", H)), (("d", D),), (("s", L),)))
    found = canonical(whole.reshape(B * H, L, D).mT, arrangement(operand, "s", "d"))
    assert torch.equal(found, whole)


def test_windows_count_as_samples() -> None:
    operand = Operand(0, ((("n", 2), ("w", 3), ("h", 4)), (("l", 5),), ()))
    assert arrangement(operand, "l", "d").sizes == (6, 4, 5, 1)


def test_a_canonical_layout_in_memory_is_a_view() -> None:
    whole = _numbered(B, H, L, D)
    operand = Operand(0, ((("n", B),), (("h", H),), (("l", L),), (("d", D),)))
    assert canonical(whole, arrangement(operand, "l", "d")).data_ptr() == whole.data_ptr()


def test_neighbouring_heads_share_a_key_head_when_copies_lie_inside() -> None:
    operand = Operand(0, ((("n", B),), (("h", 2), ("r", 3)), (("s", L),), (("d", D),)))
    arranged = arrangement(operand, "s", "d")
    key = torch.randn(B, 2, 1, L, D).expand(B, 2, 3, L, D).reshape(B, 6, L, D)
    assert groups_of_heads(6, arranged) == (0, 0, 0, 1, 1, 1)
    assert torch.equal(without_copies(key, arranged), key[:, ::3])


def test_tiled_copies_make_every_second_head_share() -> None:
    operand = Operand(0, ((("n", B),), (("r", 3), ("h", 2)), (("s", L),), (("d", D),)))
    arranged = arrangement(operand, "s", "d")
    key = torch.randn(B, 1, 2, L, D).expand(B, 3, 2, L, D).reshape(B, 6, L, D)
    assert groups_of_heads(6, arranged) == (0, 1, 0, 1, 0, 1)
    assert torch.equal(without_copies(key, arranged), key[:, :2])


def test_gradients_of_copies_add_up() -> None:
    operand = Operand(0, ((("n", 1),), (("h", 2), ("r", 2)), (("s", 1),), (("d", 1),)))
    gradient = torch.tensor([1.0, 2.0, 10.0, 20.0]).reshape(1, 4, 1, 1)
    found = without_copies(gradient, arrangement(operand, "s", "d"), add=True)
    assert found.flatten().tolist() == [3.0, 30.0]


def test_heads_without_copies_in_memory_share_with_their_neighbours() -> None:
    operand = Operand(0, ((("n", B),), (("h", 2),), (("s", L),), (("d", D),)))
    assert groups_of_heads(8, arrangement(operand, "s", "d")) == (0, 0, 0, 0, 1, 1, 1, 1)
