"""What one argument of a forward might be: a kind, a symbolic shape, and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import torch

from attnprobe.loading.inputs.sampling import Sampler

Size = int | Literal["B", "S", "I"]  # batch size, sequence length, side of the image


@dataclass(frozen=True, slots=True)
class Option:
    """One guess for one argument."""

    kind: Literal["ids", "floats", "mask", "full", "positions", "number", "list"]
    shape: tuple[Size, ...] = ()
    high: int = 2  # of ids: one above the largest; of a number: its value
    note: str = ""

    @property
    def rank(self) -> int:
        """Number of dimensions."""
        return len(self.shape)


def draw(option: Option, sizes: Mapping[str, int], sampler: Sampler) -> object:
    """The value that an option stands for."""
    shape = tuple(size if isinstance(size, int) else sizes[size] for size in option.shape)
    match option.kind:
        case "ids":
            return sampler.ids(*shape, high=option.high)
        case "mask":
            return torch.ones(shape, dtype=torch.bool)
        case "full":
            return torch.full(shape, sizes["S"])
        case "positions":
            return torch.arange(sizes["S"]).expand(shape).clone()
        case "number":
            return option.high
        case "list":
            return [sampler.floats(*shape)]
        case _:
            return sampler.floats(*shape)


def tokens(high: int, why: str) -> Option:
    """Token ids [B, S]."""
    return Option("ids", ("B", "S"), high, f"random token ids below {high} ({why})")


def vectors(width: int, why: str, *, sequence_first: bool = False) -> Option:
    """Vectors [B, S, E], or [S, B, E] where that is the layout of the module itself."""
    leading: tuple[Size, ...] = ("S", "B") if sequence_first else ("B", "S")
    layout = "sequence first" if sequence_first else "batch first"
    return Option("floats", (*leading, width), note=f"random vectors of width {width} ({why}), {layout}")


def images(channels: int, why: str, dims: int = 2) -> Option:
    """Images [B, C, I, I]; signals [B, C, S] for one dimension, volumes [B, C, 8, I, I] for three."""
    tails: dict[int, tuple[Size, ...]] = {1: ("S",), 2: ("I", "I"), 3: (8, "I", "I")}
    what = {1: "signals", 2: "images", 3: "clips of 8 frames"}[dims]
    return Option(
        "floats", ("B", channels, *tails[dims]), note=f"random {what} of {channels} channels ({why})"
    )
