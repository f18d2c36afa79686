"""What a watcher keeps: sums and maxima, so that batches (and ranks) merge."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

Key = tuple[int, str]  # (index of the site, or -1 for the model; name)


class Sums:
    """Sums and maxima in float64 on the CPU, by site and name."""

    def __init__(self) -> None:
        self._sums: dict[Key, Tensor] = {}
        self._maxima: dict[Key, Tensor] = {}

    def add(self, site: int, name: str, value: Any) -> None:
        """Add a tensor or a number to a sum; its shape must stay the same."""
        _accumulate(self._sums, (site, name), _kept(value), torch.add)

    def maximum(self, site: int, name: str, value: Any) -> None:
        """Raise a maximum, element by element. NaN stays."""
        _accumulate(self._maxima, (site, name), _kept(value), torch.maximum)

    def get(self, site: int, name: str) -> Tensor | None:
        """A sum or a maximum; None when nothing was added."""
        found = self._sums.get((site, name))
        return self._maxima.get((site, name)) if found is None else found

    def sites(self, name: str) -> tuple[int, ...]:
        """Sites for which there is something of that name, in order."""
        return tuple(sorted({site for site, known in (*self._sums, *self._maxima) if known == name}))

    def merge(self, other: Sums) -> None:
        """Take in what another pass over other data has kept."""
        for key, value in other._sums.items():
            _accumulate(self._sums, key, value.clone(), torch.add)
        for key, value in other._maxima.items():
            _accumulate(self._maxima, key, value.clone(), torch.maximum)


def _kept(value: Any) -> Tensor:
    tensor = value.detach() if isinstance(value, Tensor) else torch.as_tensor(value)
    return tensor.to(device="cpu", dtype=torch.float64, copy=True)


def _accumulate(known: dict[Key, Tensor], key: Key, value: Tensor, join: Any) -> None:
    before = known.get(key)
    if before is not None and before.shape != value.shape:
        raise ValueError(f"{key[1]}: a sum of shape {tuple(before.shape)} got {tuple(value.shape)}")
    known[key] = value if before is None else join(before, value)
