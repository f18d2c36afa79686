"""Attention maps A [N, H, L, S] as something to ask, whether or not they were ever in memory."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from functools import cached_property

import torch
from torch import Tensor

HIDDEN = -9e3  # an additive mask at or below this hides a key: -1e4, -1e9, the dtype's lowest, -inf
_BLOCK_BYTES = 2**25


class AttentionMap(ABC):
    """The probabilities of one attention of one batch, in fp32.

    Exact but for rounding. What is of the size of the map itself comes in rows that are asked for.
    """

    N: int
    H: int
    L: int
    S: int
    width: int  # of a head: how many block columns cost one pass
    is_softmax: bool
    row_weights: Tensor | None = None  # [N, L], 0 for padded queries; None: all count

    @abstractmethod
    def rows(self, index: Tensor) -> Tensor:
        """Probabilities of some queries: index [b] -> [N, H, b, S]."""

    @abstractmethod
    def logits(self, index: Tensor) -> Tensor | None:
        """Scores as they enter the normaliser, -inf where hidden: [b] -> [N, H, b, S]; None: not known."""

    def rows_and_logits(self, index: Tensor) -> tuple[Tensor, Tensor | None]:
        """Both, for the price of one where they are recomputed."""
        return self.rows(index), self.logits(index)

    @abstractmethod
    def visible_rows(self, index: Tensor) -> Tensor:
        """Which keys some queries may see: [b] -> bool [N or 1, H or 1, b, S]."""

    @abstractmethod
    def product(self, values: Tensor) -> Tensor:
        """A @ values: [N or 1, H or 1, S, E] -> [N, H, L, E]."""

    @abstractmethod
    def _column_mass(self, weights: Tensor) -> Tensor:
        """[N, 1, L] -> [N, H, S]."""

    @abstractmethod
    def _entropy(self) -> Tensor: ...

    def visible(self) -> Tensor:
        """How many keys each query may see: [N or 1, H or 1, L]."""
        return self._visible

    def entropy(self) -> Tensor:
        """-Σ p log p of each query in nats: [N, H, L]; 0 for a query that sees nothing."""
        return self._entropies

    def column_mass(self) -> Tensor:
        """What each key receives from all queries together, padded ones left out: [N, H, S]."""
        return self._columns

    def block_mass(self) -> tuple[int, Tensor]:
        """What each query gives to each stretch of keys.

        Returns:
            The length of a stretch (1 for short sequences), and [N, H, L, stretches].
        """
        return self._blocks

    @cached_property
    def _visible(self) -> Tensor:
        parts = [self.visible_rows(index).sum(-1) for index in self.all_rows()]
        return torch.cat(parts, -1)

    @cached_property
    def _entropies(self) -> Tensor:
        return torch.where(self.visible() > 0, self._entropy(), 0.0)

    @cached_property
    def _columns(self) -> Tensor:
        weights = self.row_weights
        if weights is None:
            weights = torch.ones(self.N, self.L, device=self._device)
        return self._column_mass(weights[:, None])

    @cached_property
    def _blocks(self) -> tuple[int, Tensor]:
        size = -(-self.S // max(min(self.width, self.S), 1))
        count = -(-self.S // size)
        stretch = torch.arange(self.S, device=self._device) // size
        one_hot = torch.nn.functional.one_hot(stretch, count).float()  # [S, stretches]
        return size, self.product(one_hot[None, None])

    @property
    @abstractmethod
    def _device(self) -> torch.device: ...

    def all_rows(self) -> Iterator[Tensor]:
        """Every query, in stretches whose rows of the map take at most 32 MiB."""
        step = max(_BLOCK_BYTES // max(4 * self.N * self.H * self.S, 1), 1)
        for start in range(0, self.L, step):
            yield torch.arange(start, min(start + step, self.L), device=self._device)

    def entropy_by_rows(self) -> Tensor:
        """The entropy without a shortcut, block by block."""
        return torch.cat([entropy_of(self.rows(index)) for index in self.all_rows()], -1)


class GivenMap(AttentionMap):
    """A map that the model itself has in memory."""

    def __init__(
        self,
        weights: Tensor,
        logits: Tensor | None,
        *,
        is_softmax: bool,
        is_causal: bool,
        width: int,
        from_logits: bool = False,
    ) -> None:
        """Hold a map.

        Args:
            weights: [N, H, L, S], as they meet the values.
            logits: The same before the normaliser; None: not known.
            is_softmax: Whether a softmax over the keys made the weights.
            is_causal: Whether no query sees a later key.
            width: Of a value.
            from_logits: The weights went through dropout: take the softmax of the logits in their place.
        """
        self._weights, self._logits, self._from_logits = weights, logits, from_logits
        self.N, self.H, self.L, self.S = weights.shape
        self.is_softmax, self._is_causal, self.width = is_softmax, is_causal, width

    @property
    def _device(self) -> torch.device:
        return self._weights.device

    def rows(self, index: Tensor) -> Tensor:
        """See `AttentionMap.rows`."""
        logits = self.logits(index) if self._from_logits else None
        if logits is not None:
            return logits.softmax(-1).nan_to_num_(0.0)
        return self._weights.index_select(2, index).float()

    def logits(self, index: Tensor) -> Tensor | None:
        """See `AttentionMap.logits`."""
        if self._logits is None:
            return None
        found = self._logits.index_select(2, index).float()
        return torch.where(found <= HIDDEN, -torch.inf, found)

    def visible_rows(self, index: Tensor) -> Tensor:
        """See `AttentionMap.visible_rows`. Without logits the causal order alone is known."""
        if self._logits is not None:
            return self._logits.index_select(2, index) > HIDDEN
        keys = torch.arange(self.S, device=self._device)
        if self._is_causal:
            return (keys <= index[:, None] + (self.S - self.L))[None, None]
        return torch.ones(1, 1, len(index), self.S, dtype=torch.bool, device=self._device)

    def product(self, values: Tensor) -> Tensor:
        """See `AttentionMap.product`."""
        return torch.cat([self.rows(index) @ values.float() for index in self.all_rows()], 2)

    def _column_mass(self, weights: Tensor) -> Tensor:
        total = torch.zeros(self.N, self.H, 1, self.S, device=self._device)
        for index in self.all_rows():
            total += weights[:, :, None, index] @ self.rows(index)
        return total.squeeze(2)

    def _entropy(self) -> Tensor:
        return self.entropy_by_rows()


def entropy_of(probabilities: Tensor) -> Tensor:
    """-Σ p log p over the last dim, in nats: […, S] -> […]."""
    surprise: Tensor = torch.special.xlogy(probabilities, probabilities)
    return -surprise.sum(-1)
