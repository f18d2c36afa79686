"""Faults planted into a trained encoder by editing its weights; each returns an edited copy."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.health.encoder import WIDTH, SentenceEncoder

LAYER, SOURCE, TARGET = 3, 2, 5  # as in the survey: head 5 becomes a copy of head 2


def _copy(model: SentenceEncoder) -> tuple[SentenceEncoder, Any]:
    edited = copy.deepcopy(model)
    return edited, edited.layers[LAYER].attention


def _head(head: int) -> slice:
    return slice(head * WIDTH, (head + 1) * WIDTH)


def copied_head(model: SentenceEncoder, *, noise: float = 0.0, is_rotated: bool = False) -> SentenceEncoder:
    """Queries, keys and values of one head come from another one; its output projection stays.

    noise: deviation of what is added to every weight, in deviations of the weights. is_rotated: queries and
    keys in another orthonormal basis, values in a third.
    """
    edited, attention = _copy(model)
    generator = torch.Generator().manual_seed(0)
    bases = [torch.linalg.qr(torch.randn(WIDTH, WIDTH, generator=generator))[0] for _ in range(2)]
    own = attention.self
    for linear, basis in ((own.query, bases[0]), (own.key, bases[0]), (own.value, bases[1])):
        weight = linear.weight.data[_head(SOURCE)].clone()
        bias = linear.bias.data[_head(SOURCE)].clone()
        if is_rotated:
            weight, bias = basis @ weight, basis @ bias
        weight += noise * weight.std() * torch.randn(weight.shape, generator=generator)
        linear.weight.data[_head(TARGET)], linear.bias.data[_head(TARGET)] = weight, bias
    return edited


def zeroed_head(model: SentenceEncoder) -> SentenceEncoder:
    """The columns of the output projection that read one head are zero."""
    edited, attention = _copy(model)
    attention.output.dense.weight.data[:, _head(TARGET)] = 0
    return edited


def scaled_logits(model: SentenceEncoder, factor: float, *, whole_layer: bool) -> SentenceEncoder:
    """Queries of a layer or of one head times a factor."""
    edited, attention = _copy(model)
    query: nn.Linear = attention.self.query
    rows = slice(None) if whole_layer else _head(TARGET)
    parameters: tuple[Tensor, ...] = (query.weight.data, query.bias.data)
    for parameter in parameters:
        parameter[rows] *= factor
    return edited
