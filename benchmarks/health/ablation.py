"""The truth about head importance: every head of the encoder zeroed in turn, by hooks of its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor

from benchmarks.health.encoder import HEADS, LAYERS, WIDTH, SentenceEncoder


def ablation_damage(model: SentenceEncoder, batches: Sequence[dict[str, Tensor]]) -> list[list[float]]:
    """1 - cos between the embeddings with and without a head, mean over passages: [layers][heads]."""
    with torch.no_grad():
        whole = [model(**batch) for batch in batches]
        return [
            [_damage(model, batches, whole, layer, head) for head in range(HEADS)] for layer in range(LAYERS)
        ]


def _damage(
    model: SentenceEncoder, batches: Sequence[dict[str, Tensor]], whole: list[Tensor], layer: int, head: int
) -> float:
    with without_head(model, layer, head):
        lost = [1 - (model(**batch) * known).sum(-1) for batch, known in zip(batches, whole, strict=True)]
    return float(torch.cat(lost).double().mean())


@contextmanager
def without_head(model: SentenceEncoder, layer: int, head: int) -> Iterator[None]:
    """Zero what a head hands to the output projection."""

    def erase(_: object, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        states = inputs[0].clone()
        states[..., head * WIDTH : (head + 1) * WIDTH] = 0
        return (states, *inputs[1:])

    handle = model.layers[layer].attention.output.dense.register_forward_pre_hook(erase)
    try:
        yield
    finally:
        handle.remove()


def rank_correlation(one: Sequence[float], other: Sequence[float]) -> float:
    """Spearman's: the correlation of the ranks; equal values share their mean rank."""
    ranks = torch.tensor([_ranks(one), _ranks(other)], dtype=torch.float64)
    return float(torch.corrcoef(ranks)[0, 1])


def _ranks(values: Sequence[float]) -> list[float]:
    return [
        sum(other < value for other in values) + (sum(other == value for other in values) - 1) / 2
        for value in values
    ]
