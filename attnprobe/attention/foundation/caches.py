"""What decoding keeps from token to token."""

from __future__ import annotations

import torch
from torch import Tensor


class Cache:
    """Base of all caches. Recurrent mechanisms keep a state of fixed size instead of keys and values.

    A batch of prompts of unequal length is padded on the left: set `padding` before the first call.
    """

    length = 0  # tokens taken up so far
    padding: Tensor | None = None  # bool [B, S] of the first tokens, True: a real one; later ones are real


class KeyValueCache(Cache):
    """All keys and values so far, or the last `limit` of them behind the first `sinks`.

    Args:
        limit: Keep so many of the latest; None: all.
        sinks: Keep so many of the first, besides.
    """

    def __init__(self, limit: int | None = None, sinks: int = 0) -> None:
        self.limit, self.sinks = limit, sinks
        self.key: Tensor | None = None  # [B, G, S, D]
        self.value: Tensor | None = None  # [B, G, S, Dv]
        self.seen: Tensor | None = None  # bool [B, S]: which keys of the latest `append` are real; None: all

    def append(self, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """Take new tokens up; returns the keys and values that these may see, themselves included."""
        keys = key if self.key is None else torch.cat((self.key, key), dim=2)
        values = value if self.value is None else torch.cat((self.value, value), dim=2)
        self.length += key.shape[2]
        self.key, self.value = self._kept(keys, 2), self._kept(values, 2)
        if self.padding is not None:
            self.seen = _extended(self.padding, keys.shape[2])
            self.padding = self._kept(self.seen, 1)
        return keys, values

    def _kept(self, tensor: Tensor, dim: int) -> Tensor:
        surplus = tensor.shape[dim] - self.sinks - (self.limit or 0)
        if self.limit is None or surplus <= 0:
            return tensor
        last = tensor.narrow(dim, self.sinks + surplus, self.limit)
        return torch.cat((tensor.narrow(dim, 0, self.sinks), last), dim=dim)


def _extended(padding: Tensor, length: int) -> Tensor:
    """Tokens after those that `padding` speaks of are real."""
    return torch.cat((padding, padding.new_ones(padding.shape[0], length - padding.shape[1])), dim=1)
