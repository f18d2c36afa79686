"""The attention in which a change starts: its output moved, and nothing that it reads did."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from attnprobe.observing.observer import Held
from attnprobe.probes.perturbing.runs import Run, difference
from attnprobe.records import AttentionSite

_INPUTS = ("query", "key", "value")
_ROUNDING = 2  # of the dtype's steps: rows that see no change are usually equal bit by bit
_NOISE = 4  # times the change between two equal runs

Cut = Callable[[AttentionSite, str, Held], Tensor | None]  # (site, role, part) -> what must not move


@dataclass(frozen=True, slots=True)
class Start:
    """Where a change starts."""

    site: int | None = None  # the attention that made it
    behind: int | None = None  # it was there before this one, the first whose output moved
    unseen: tuple[int, ...] = ()  # attentions of which it cannot be told


def start_of(sites: Sequence[AttentionSite], base: Run, again: Run, changed: Run, cut: Cut) -> Start:
    """The first attention whose output moved.

    Args:
        sites: Of the trace.
        base: Without a change; `again` is the same run once more.
        changed: With a change.
        cut: What of a tensor must not move.
    """
    unseen: list[int] = []
    for index, parts in base.sites.items():
        moved = {
            role: _moved(sites[index], role, index, (base, again, changed), cut)
            for role in (*_INPUTS, "output")
        }
        inputs = [moved[role] for role in _INPUTS if role in parts]
        if moved["output"] is None or (
            moved["output"] and not any(inputs) and (not inputs or None in inputs)
        ):
            unseen.append(index)
        elif moved["output"]:
            is_here = not any(inputs)
            return Start(index if is_here else None, None if is_here else index, tuple(unseen))
    return Start(unseen=tuple(unseen))


def first_of(starts: Sequence[Start], base: Run) -> Start:
    """Of the same change made in several ways: where it starts earliest; in an attention, if two agree."""
    order = {index: place for place, index in enumerate(base.sites)}
    found = [start for start in starts if start.site is not None or start.behind is not None]
    unseen = tuple(dict.fromkeys(index for start in starts for index in start.unseen))

    def place(start: Start) -> tuple[int, bool]:
        index = start.site if start.site is not None else start.behind
        return order[index if index is not None else 0], start.site is None

    return replace(min(found, key=place), unseen=unseen) if found else Start(unseen=unseen)


def _moved(site: AttentionSite, role: str, index: int, runs: tuple[Run, Run, Run], cut: Cut) -> bool | None:
    """Whether what must not move of a tensor did; None where the tensor moved and it is not known where."""
    parts = [run.sites.get(index, {}).get(role, []) for run in runs]
    if not parts[0] or len({len(own) for own in parts}) > 1:
        return None
    pieces = [[cut(site, role, part) for part in own] for own in parts]
    if all(piece is not None for own in pieces for piece in own):
        return _differs(*([piece for piece in own if piece is not None] for own in pieces))
    return False if _differs(*([part.tensor for part in own] for own in parts)) is False else None


def _differs(old: Sequence[Tensor], again: Sequence[Tensor], new: Sequence[Tensor]) -> bool | None:
    if [t.shape for t in old] != [t.shape for t in new] or [t.shape for t in old] != [t.shape for t in again]:
        return None
    before, repeated, after = (torch.cat([t.flatten() for t in own]) for own in (old, again, new))
    rounding = _ROUNDING * torch.finfo(before.dtype).eps if before.dtype.is_floating_point else 0.0
    return difference(after, before) > rounding + _NOISE * difference(repeated, before)


def row_dim(held: Held, role: str) -> int | None:
    """The dim that counts nothing but queries (of keys and values: keys); None when there is none."""
    letter = "s" if role in ("key", "value") else "l"
    dims = held.operand.dims
    if len(dims) != held.tensor.dim():
        return None
    return next((i for i, own in enumerate(dims) if [name for name, _ in own] == [letter]), None)


def sample_dim(held: Held, samples: int) -> int | None:
    """The dim whose outermost factor counts the samples; None when there is none."""
    dims = held.operand.dims
    if len(dims) != held.tensor.dim():
        return None
    found = [
        i for i, own in enumerate(dims) if own and own[0][0] == "n" and held.tensor.shape[i] % samples == 0
    ]
    return found[0] if found else None
