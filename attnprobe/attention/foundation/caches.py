"""What decoding keeps from token to token."""

from __future__ import annotations

import torch
from torch import Tensor


class Cache:
    """Base of all caches. Recurrent mechanisms keep a state of fixed size instead of keys and values."""

    length = 0  # tokens taken up so far


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

    def append(self, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """Take new tokens up; returns the keys and values that these may see, themselves included."""
        keys = key if self.key is None else torch.cat((self.key, key), dim=2)
        values = value if self.value is None else torch.cat((self.value, value), dim=2)
        self.length += key.shape[2]
        self.key, self.value = self._kept(keys), self._kept(values)
        return keys, values

    def _kept(self, tensor: Tensor) -> Tensor:
        surplus = tensor.shape[2] - self.sinks - (self.limit or 0)
        if self.limit is None or surplus <= 0:
            return tensor
        return torch.cat((tensor[:, :, : self.sinks], tensor[:, :, self.sinks + surplus :]), dim=2)
