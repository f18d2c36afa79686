"""Random inputs that repeat: one generator per model, torch's global one untouched."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import prod
from typing import Any

import torch

from attnprobe.records import ScanOptions

DEFAULT_BATCH_SIZE = 2
DEFAULT_SEQ_LEN = 128
_STRIDE = 1_000_003  # between the seeds of two batches: batch 1 of seed 0 is not batch 0 of seed 1
_FAKE_FROM_BYTES = 64 * 2**20  # floating inputs above this are not allocated where fakes will do


class Sampler:
    """Draws the values of guessed inputs.

    Args:
        options: batch_size, seq_len and seed as the user gave them.
        world: The `FakeWorld` of a static scan, or None.
    """

    def __init__(self, options: ScanOptions, world: Any = None) -> None:
        self.batch_size = DEFAULT_BATCH_SIZE if options.batch_size is None else options.batch_size
        self.seq_len = DEFAULT_SEQ_LEN if options.seq_len is None else options.seq_len
        self.is_seq_len_given = options.seq_len is not None
        self._is_batch_size_given = options.batch_size is not None
        self.world = world
        self._options = options
        self._generator = torch.Generator().manual_seed(options.seed)

    def reseeded(self, number: int) -> Sampler:
        """A sampler of the same sizes that draws the values of the batch of that number."""
        return Sampler(replace(self._options, seed=self._options.seed + number * _STRIDE), self.world)

    def follow(self, shape: tuple[int, ...]) -> None:
        """Take the batch size of a given input for the guessed ones beside it, unless it was asked for."""
        if shape and not self._is_batch_size_given:
            self.batch_size = shape[0]

    def ids(self, *shape: int, high: int, low: int = 0, avoid: Sequence[int] = ()) -> torch.Tensor:
        """int64 ids in [low, high), none of them in `avoid` while anything else is left."""
        low = min(low, max(high - 1, 0))
        ids = torch.randint(low, max(high, low + 1), shape, generator=self._generator)
        hidden = {identity for identity in avoid if low <= identity < high}
        if len(hidden) >= high - low or not hidden:
            return ids
        free = next(identity for identity in range(low, high) if identity not in hidden)
        return ids.masked_fill(torch.isin(ids, torch.tensor(sorted(hidden))), free)

    def floats(self, *shape: int, dtype: torch.dtype | None = None) -> torch.Tensor:
        """Standard normal values; a fake where the tensor is big and the model has no memory either."""
        dtype = dtype or torch.get_default_dtype()
        if self.world is not None and prod(shape) * dtype.itemsize > _FAKE_FROM_BYTES:
            with self.world:
                return torch.empty(shape, dtype=dtype)
        return torch.randn(shape, generator=self._generator, dtype=torch.float32).to(dtype)

    def fractions(self, *shape: int) -> torch.Tensor:
        """Uniform values in [0, 1)."""
        return torch.rand(shape, generator=self._generator, dtype=torch.float32).to(torch.get_default_dtype())
