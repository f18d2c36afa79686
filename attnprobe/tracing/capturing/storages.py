"""When memory comes and goes: every storage that an op makes, until the last tensor on it dies."""

from __future__ import annotations

import weakref
from collections.abc import Mapping
from typing import Any

import torch

from attnprobe.records import MemoryEvent


class Storages:
    """Numbers storages and writes down their birth and death, by the index of the running op."""

    def __init__(self, twins: Mapping[int, int]) -> None:
        self._twins = twins  # storages that stand for another one, by address
        self.events: list[MemoryEvent] = []
        self.op = -1  # set by the capture before each op
        self._live: dict[int, tuple[int, Any]] = {}  # address of the StorageImpl -> (our id, weak reference)
        self._count = 0
        self._closed = False

    def number(self, tensor: torch.Tensor, *, is_new: bool) -> tuple[int, int]:
        """Our id of the tensor's storage and its bytes; a new one is counted as allocated when `is_new`."""
        try:
            storage = tensor.untyped_storage()
        except (NotImplementedError, RuntimeError):  # sparse and other tensors without one storage
            return -1, 0
        address = self._twins.get(storage._cdata, storage._cdata)
        known = self._live.get(address)
        size = storage.nbytes()
        if known is not None:
            return known[0], size
        number = self._count
        self._count += 1
        if is_new and size:
            self.events.append(MemoryEvent(self.op, number, size))
        reference = weakref.ref(storage, lambda _: self._freed(address, number, size if is_new else 0))
        self._live[address] = (number, reference)
        return number, size

    def close(self) -> None:
        """Stop writing: what dies from now on dies because the capture ends."""
        self._closed = True
        self._live.clear()

    def _freed(self, address: int, number: int, size: int) -> None:
        if self._closed:
            return
        self._live.pop(address, None)
        if size:
            self.events.append(MemoryEvent(self.op, number, -size))
