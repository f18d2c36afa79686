"""Queries, keys, values and outputs as one row per token, padding left out."""

from __future__ import annotations

import torch
from torch import Tensor

MOST_TOKENS = 2048  # of one batch in one Gram matrix


def token_rows(tensor: Tensor, real: Tensor | None, most: int = MOST_TOKENS) -> Tensor:
    """Real tokens of all samples, at most `most`, evenly spread: [N, H, L, D] -> fp32 [tokens, H, D].

    Args:
        tensor: [N, H, L, D].
        real: bool [N, L], False for padding; None: all are real.
        most: How many tokens at most.
    """
    samples, length = tensor.shape[0], tensor.shape[2]
    device = tensor.device
    if real is None:
        index = torch.arange(samples * length, device=device)
    else:
        index = real.to(device).reshape(-1).nonzero().squeeze(1)
    if len(index) > most:
        index = index[torch.arange(most, device=device) * len(index) // most]
    return tensor[index // length, :, index % length].float()


def centred(rows: Tensor) -> tuple[Tensor, Tensor]:
    """Rows about their mean, and the mean in float64: [tokens, …] -> [tokens, …], […]."""
    mean = rows.mean(0)
    return rows - mean, mean.double()


def gram(rows: Tensor) -> tuple[Tensor, Tensor]:
    """Σ x xᵀ and Σ x of [tokens, P] in float64: [P, P], [P].

    The product is taken about the mean in fp32 and moved back in float64, so that a large mean does not drown
    the rest.
    """
    about, mean = centred(rows)
    return (about.mT @ about).double().addr_(mean, mean, alpha=len(rows)), len(rows) * mean
