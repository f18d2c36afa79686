"""What the sums of the projections' gradients say about one site."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import nan, sqrt
from typing import Any

from attnprobe.probes.gradient_flow.layouts import ROLES


@dataclass(frozen=True, slots=True)
class RoleNumbers:
    """One projection of one site. Tuples have an entry per block of the parameter."""

    squares: tuple[float, ...]  # mean over batches of |gradient|²
    weight_squares: tuple[float, ...]
    is_dead: tuple[tuple[bool, ...], ...]  # of each feature of each block
    elements: float  # weights of one block
    head_of: tuple[int, ...]  # which block each query head has; () where blocks are not heads

    @property
    def norms(self) -> tuple[float, ...]:
        """Norm of the gradient of each block."""
        return tuple(map(sqrt, self.squares))

    @property
    def ratios(self) -> tuple[float, ...]:
        """Gradient over weight of each block, NaN where the weights are zero."""
        pairs = zip(self.squares, self.weight_squares, strict=True)
        return tuple(sqrt(square / weight) if weight else nan for square, weight in pairs)

    @property
    def ratio(self) -> float | None:
        """Gradient over weight of the whole projection; None where the weights are zero."""
        weights = sum(self.weight_squares)
        return sqrt(sum(self.squares) / weights) if weights else None

    @property
    def rms(self) -> float:
        """Root mean square of the gradient."""
        return sqrt(sum(self.squares) / (self.elements * len(self.squares)))

    def by_head(self, blocks: Sequence[float]) -> tuple[float, ...]:
        """One number per query head; () where heads could not be told apart."""
        return tuple(blocks[block] for block in self.head_of)


def of_site(sums: Any, index: int, num_heads: int) -> Mapping[str, RoleNumbers]:
    """The projections of a site for which there are gradients."""
    groups = sums.get(index, "groups")
    known = () if groups is None else tuple(int(group) for group in groups.tolist())
    found = {role: _role(sums, index, role, num_heads, known) for role in ROLES}
    return {role: numbers for role, numbers in found.items() if numbers is not None}


def _role(sums: Any, index: int, role: str, num_heads: int, groups: tuple[int, ...]) -> RoleNumbers | None:
    squares, batches = sums.get(index, f"{role} squares"), sums.get(index, f"{role} batches")
    if squares is None:
        return None
    weights = sums.get(index, f"{role} weight squares")
    return RoleNumbers(
        squares=tuple((squares / batches).tolist()),
        weight_squares=tuple((weights / batches).tolist()),
        is_dead=tuple(tuple(head) for head in (sums.get(index, f"{role} largest") == 0).tolist()),
        elements=float(sums.get(index, f"{role} elements")),
        head_of=_head_of(len(squares), num_heads, groups if role in ("key", "value") else ()),
    )


def _head_of(blocks: int, num_heads: int, groups: tuple[int, ...]) -> tuple[int, ...]:
    """Query head -> block: its own, or that of its key-value head."""
    if blocks == num_heads:
        return tuple(range(num_heads))
    return groups if len(groups) == num_heads and max(groups) == blocks - 1 else ()
