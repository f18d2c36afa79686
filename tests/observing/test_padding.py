"""Which positions are padding."""

import torch
from torch import nn

from attnprobe.observing.padding import paddings, tokens_of
from attnprobe.records import LoadedModel


def _model(module: nn.Module, **kwargs: torch.Tensor) -> LoadedModel:
    return LoadedModel(module=module, args=(), kwargs=kwargs, target="", entry="", inputs=())


def test_an_attention_mask_of_zeros_and_ones_marks_real_tokens() -> None:
    mask = torch.tensor([[1, 1, 0], [1, 1, 1]])
    (found,) = paddings(_model(nn.Identity(), attention_mask=mask))
    assert found.tolist() == [[True, True, False], [True, True, True]]


def test_a_bool_mask_named_after_padding_marks_the_padding() -> None:
    mask = torch.tensor([[False, False, True]])
    (found,) = paddings(_model(nn.Identity(), key_padding_mask=mask))
    assert found.tolist() == [[True, True, False]]


def test_a_mask_without_padding_is_none() -> None:
    assert paddings(_model(nn.Identity(), attention_mask=torch.ones(2, 3))) == ()


def test_a_run_of_the_padding_index_at_the_end_is_padding() -> None:
    ids = torch.tensor([[5, 0, 7, 0, 0]])
    (found,) = paddings(_model(nn.Embedding(9, 2, padding_idx=0), ids=ids))
    assert found.tolist() == [[True, True, True, False, False]]


def test_a_mask_says_more_than_the_padding_index() -> None:
    ids, mask = torch.tensor([[5, 0, 0]]), torch.tensor([[1, 1, 0]])
    (found,) = paddings(_model(nn.Embedding(9, 2, padding_idx=0), ids=ids, attention_mask=mask))
    assert found.tolist() == [[True, True, False]]


def test_two_masks_of_one_length_are_ambiguous() -> None:
    one = torch.tensor([[True, False]])
    assert tokens_of((one, ~one), 1, 2) is None
    assert tokens_of((one,), 1, 2) is one
