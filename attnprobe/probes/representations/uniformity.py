"""How alike the tokens of a sequence are, and how large their largest activation is."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from attnprobe.observing.calls import AttentionCall, StreamTensors
from attnprobe.observing.watcher import Watcher
from attnprobe.probes.representations.tokens import as_tokens, chunks, real_tokens, spread_tokens

SAMPLED_TOKENS = 128
LOWEST_OCTAVE, BINS_PER_OCTAVE, BINS = -40, 32, 64 * 32  # of |x|: 2^-40 … 2^24
_COLLAPSED = 1e-4  # a residual below it is rounding; so is the rank of what is left


class UniformityWatcher(Watcher):
    """Sums over the sequences of a batch, at the entry of every site and at the exit of some."""

    wants: ClassVar[frozenset[str]] = frozenset({"streams"})

    def __init__(self, exits: frozenset[int]) -> None:
        """Args: exits are the sites whose exit is looked at too."""
        super().__init__()
        self._exits = exits

    def stream(self, call: AttentionCall, tensors: StreamTensors) -> None:
        """See `Watcher.stream`."""
        self._look(call, "entry", tensors.entry)
        if call.index in self._exits:
            self._look(call, "exit", tensors.exit)

    def _look(self, call: AttentionCall, place: str, states: Tensor | None) -> None:
        tokens = None if states is None else as_tokens(call, states)
        if tokens is None:
            return
        real = real_tokens(call, tokens)
        enough = real.sum(1) >= 2
        if not bool(enough.all()):
            tokens, real = tokens[enough], real[enough]
        if tokens.shape[0]:
            for name, value in _sums(tokens, real).items():
                self.sums.add(call.index, f"{place} {name}", value)
            for part, keep in chunks(tokens, real):
                largest = part.abs().mul_(keep[..., None]).amax()
                self.sums.maximum(call.index, f"{place} largest", largest)


def _sums(tokens: Tensor, real: Tensor) -> dict[str, Tensor]:
    """tokens [B, T, E], real [B, T] with at least two real tokens in every sample."""
    count = real.sum(1)
    mean, directions, present = _means(tokens, real)
    total, centred = torch.zeros(2, len(count), device=tokens.device, dtype=torch.float64)
    for part, keep in chunks(tokens, real):
        total += part.mul(keep[..., None]).square().sum((1, 2))
        centred += (part - mean[:, None]).mul_(keep[..., None]).square_().sum((1, 2))
    pairs = present * (present - 1)
    cosine = torch.where(pairs > 0, (directions.square().sum(1) - present) / pairs.clamp_min(1), 0.0)
    sampled, valid = spread_tokens(tokens, real, SAMPLED_TOKENS)
    residual = (centred / total.clamp_min(1e-300)).sqrt()
    has_rank = residual > _COLLAPSED
    ranks = rank_share(sampled, valid)
    return {
        "total": total.sum(),
        "centred": centred.sum(),
        "cosine": cosine.sum(),
        "cosines": (pairs > 0).sum(),
        "rank": torch.where(has_rank, ranks, 0.0).sum(),
        "ranks": has_rank.sum(),
        "sizes": octaves(sampled[valid]),
    }


def _means(tokens: Tensor, real: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Mean token [B, E], sum of the tokens' directions [B, E], number of tokens that have one [B]."""
    mean, directions = torch.zeros(2, tokens.shape[0], tokens.shape[2], device=tokens.device)
    present = torch.zeros(tokens.shape[0], device=tokens.device)
    for part, keep in chunks(tokens, real):
        norms = torch.linalg.vector_norm(part, dim=-1)
        mean += torch.bmm(keep.float()[:, None], part).squeeze(1)
        has_direction = keep & (norms > 0)
        inverse = torch.where(has_direction, 1 / norms, 0.0)
        directions += torch.bmm(inverse[:, None], part).squeeze(1)
        present += has_direction.sum(1)
    return mean / real.sum(1, keepdim=True), directions, present


def rank_share(tokens: Tensor, valid: Tensor) -> Tensor:
    """exp(entropy) of the singular values of each sample's centred tokens, over their number.

    Args: tokens [B, m, E], valid [B, m].
    """
    count = valid.sum(1)
    weights = valid[..., None].float()
    mean = (tokens * weights).sum(1, keepdim=True) / count[:, None, None]
    centred = (tokens - mean) * weights
    gram = centred @ centred.mT  # [B, m, m], or its mirror image of the same spectrum
    if tokens.shape[2] < tokens.shape[1]:
        gram = centred.mT @ centred
    values = torch.linalg.eigvalsh(gram.double()).clamp_min(0).sqrt()
    share = values / values.sum(1, keepdim=True).clamp_min(1e-300)
    entropy: Tensor = torch.special.xlogy(share, share).sum(1).neg()
    return entropy.exp() / count


def octaves(values: Tensor) -> Tensor:
    """How many of some numbers have a size in each 32nd of an octave: [2048]."""
    place = (values.abs().log2_() - LOWEST_OCTAVE) * BINS_PER_OCTAVE
    index = place.nan_to_num_(nan=0.0, neginf=0.0).clamp_(0, BINS - 1).long()
    return torch.bincount(index.flatten(), minlength=BINS)


def median_size(counts: Tensor) -> float:
    """The median that a histogram of `octaves` holds, to 1.1 %."""
    place = int(torch.searchsorted(counts.cumsum(0), counts.sum() / 2))
    return float(2.0 ** (LOWEST_OCTAVE + (place + 0.5) / BINS_PER_OCTAVE))
