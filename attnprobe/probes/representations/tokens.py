"""Hidden states as [B, T, E], whatever view of them a model holds, and which of their tokens are real."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from attnprobe.observing.calls import AttentionCall

_CHUNK_ELEMENTS = 2**20  # of a temporary


def as_tokens(call: AttentionCall, states: Tensor) -> Tensor | None:
    """[B, T, E], [T, B, E], [B T, E] or [B, Y, X, E] -> [B, T, E]; None where the samples cannot be told."""
    samples = call.samples
    if states.dim() == 4 and states.shape[0] == samples:
        return (states.movedim(1, -1) if _has_channels_first(call, states) else states).flatten(1, 2)
    if states.dim() == 3 and states.shape[0] != samples and states.shape[1] == samples:
        return states.transpose(0, 1)
    if states.dim() in (2, 3) and states.shape[0] % samples == 0:
        return states.reshape(samples, -1, states.shape[-1])
    return None


def _has_channels_first(call: AttentionCall, states: Tensor) -> bool:
    width = call.site.num_heads * call.site.value_dim
    return states.shape[1] == width != states.shape[-1]


def real_tokens(call: AttentionCall, states: Tensor) -> Tensor:
    """bool [B, T]: False for padding. All are real where the padding is not known."""
    known = call.query_tokens
    if known is not None and known.shape == states.shape[:2]:
        return known.to(states.device)
    return torch.ones(states.shape[:2], dtype=torch.bool, device=states.device)


def chunks(states: Tensor, *others: Tensor) -> Iterator[tuple[Tensor, ...]]:
    """Stretches of tokens of [B, T, E] in fp32, with the same stretch of [B, T, …] tensors beside it."""
    step = max(_CHUNK_ELEMENTS // max(states.shape[0] * states.shape[2], 1), 1)
    for start in range(0, states.shape[1], step):
        cut = slice(start, start + step)
        yield (states[:, cut].float(), *(other[:, cut] for other in others))


def spread_tokens(states: Tensor, real: Tensor, most: int) -> tuple[Tensor, Tensor]:
    """At most `most` real tokens of every sample, evenly spread over it.

    Returns:
        fp32 [B, m, E] and bool [B, m], False where a sample has fewer.
    """
    kept = min(most, states.shape[1])
    counts = real.sum(1, keepdim=True)  # [B, 1]
    place = torch.arange(kept, device=states.device)[None]
    rank = torch.where(counts >= kept, place * counts // kept, place)
    first_real = torch.argsort(real.logical_not().to(torch.uint8), dim=1, stable=True)
    index = first_real.gather(1, rank)
    return states.gather(1, index[..., None].expand(-1, -1, states.shape[2])).float(), rank < counts
