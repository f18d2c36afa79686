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

    There is room ahead, so that a token costs no copy of the past; a copy of the cache must be a deep one.

    Args:
        limit: Keep so many of the latest; None: all.
        sinks: Keep so many of the first, besides.
    """

    def __init__(self, limit: int | None = None, sinks: int = 0) -> None:
        self.limit, self.sinks = limit, sinks
        self.seen: Tensor | None = None  # bool [B, S]: which keys of the latest `append` are real; None: all
        self._keys, self._values = _Growing(), _Growing()

    @property
    def key(self) -> Tensor | None:
        """[B, G, S, D]."""
        return self._keys.tensor

    @property
    def value(self) -> Tensor | None:
        """[B, G, S, Dv]."""
        return self._values.tensor

    def append(self, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """Take new tokens up; returns the keys and values that these may see, themselves included."""
        self.length += key.shape[2]
        keys, values = self._keys.append(key), self._values.append(value)
        self._keys.keep(self.limit, self.sinks)
        self._values.keep(self.limit, self.sinks)
        if self.padding is not None:
            self.seen = _extended(self.padding, keys.shape[2])
            self.padding = _kept(self.seen, 1, self.limit, self.sinks)
        return keys, values


class _Growing:
    """A tensor [B, G, S, D] that grows by tokens, in a buffer with room for an eighth more, at least 64."""

    def __init__(self) -> None:
        self.tensor: Tensor | None = None  # what is kept: a view of the buffer, or a tensor of its own
        self._view: Tensor | None = None  # the view, in the first case
        self._buffer: Tensor | None = None
        self._start = 0  # of the view, in the buffer

    def append(self, new: Tensor) -> Tensor:
        """All tokens, the new ones last."""
        old = self.tensor
        if torch.is_grad_enabled() and (new.requires_grad or (old is not None and old.requires_grad)):
            # Backward needs the tensors of earlier steps as they were.
            self.tensor = new if old is None else torch.cat((old, new), dim=2)
            return self.tensor
        length = 0 if old is None else old.shape[2]
        buffer = self._with_room(old, new, length + new.shape[2])
        end = self._start + length + new.shape[2]
        buffer[:, :, end - new.shape[2] : end] = new
        self.tensor = self._view = buffer[:, :, self._start : end]
        return self.tensor

    def keep(self, limit: int | None, sinks: int) -> None:
        """Drop what is neither among the latest nor among the first."""
        assert self.tensor is not None
        surplus = self.tensor.shape[2] - sinks - (limit or 0)
        if limit is None or surplus <= 0:
            return
        if sinks or self.tensor is not self._view:
            self.tensor = _kept(self.tensor, 2, limit, sinks)
        else:
            self._start += surplus
            self.tensor = self._view = self.tensor[:, :, surplus:]

    def _with_room(self, old: Tensor | None, new: Tensor, length: int) -> Tensor:
        """The buffer, if it holds the old tokens and has room for `length`; else a new one."""
        buffer = self._buffer
        if buffer is None or old is not self._view or buffer.shape[2] < self._start + length:
            buffer = new.new_empty(*new.shape[:2], length + max(64, length // 8), new.shape[3])
            if old is not None:
                buffer[:, :, : old.shape[2]] = old
            self._buffer, self._start = buffer, 0
        return buffer


def _kept(tensor: Tensor, dim: int, limit: int | None, sinks: int) -> Tensor:
    """The last `limit` behind the first `sinks`."""
    surplus = tensor.shape[dim] - sinks - (limit or 0)
    if limit is None or surplus <= 0:
        return tensor
    last = tensor.narrow(dim, sinks + surplus, limit)
    return torch.cat((tensor.narrow(dim, 0, sinks), last), dim=dim)


def _extended(padding: Tensor, length: int) -> Tensor:
    """Tokens after those that `padding` speaks of are real."""
    return torch.cat((padding, padding.new_ones(padding.shape[0], length - padding.shape[1])), dim=1)
