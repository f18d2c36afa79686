"""Cores and streams of one trace, said of another whose ops are the same in the same order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod

from attnprobe.records import Core, Op, Operand, Stream, Tensor

Dims = tuple[tuple[tuple[str, int], ...], ...]
_FREE = "nwls"  # letters whose sizes follow the inputs; heads, copies and widths belong to the model


@dataclass(frozen=True, slots=True)
class Translation:
    """Old op -> new op, old tensor -> new tensor."""

    ops: Mapping[int, int]
    tensors: Mapping[int, int]
    old: Sequence[Tensor]
    new: Sequence[Tensor]

    def core(self, core: Core) -> Core:
        """The core with the ids and the sizes of the new trace; operands that cannot be told are left out."""
        operands = self._operands(core.operands)
        parts = tuple(map(self.core, core.parts))
        batch = _count(operands, "query output weights", "nw")
        q_len = _count(operands, "query output weights", "l")
        kv_len = _count(operands, "key value weights", "s")
        return replace(
            core,
            score_ops=self._ops(core.score_ops),
            value_ops=self._ops(core.value_ops),
            inner_ops=self._ops(core.inner_ops),
            mask_ops=self._ops(core.mask_ops),
            query=self._tensor(core.query),
            key=self._tensor(core.key),
            value=self._tensor(core.value),
            output=self.tensors.get(core.output, core.output),
            batch=core.batch if batch is None else batch,
            q_len=core.q_len if q_len is None else q_len,
            kv_len=core.kv_len if kv_len is None else kv_len,
            parts=parts,
            operands=operands,
        )

    def stream(self, stream: Stream) -> Stream:
        """The stream with the ids of the new trace."""
        return replace(
            stream,
            entry=self._tensor(stream.entry),
            read=self._tensor(stream.read),
            branch=self._tensor(stream.branch),
            exit=self._tensor(stream.exit),
        )

    def _ops(self, ops: Sequence[int]) -> tuple[int, ...]:
        return tuple(self.ops[op] for op in ops if op in self.ops)

    def _tensor(self, tensor: int | None) -> int | None:
        return None if tensor is None else self.tensors.get(tensor)

    def _operands(self, known: Mapping[str, Operand]) -> dict[str, Operand]:
        moved = {role: (self.tensors[o.tensor], o) for role, o in known.items() if o.tensor in self.tensors}
        shapes = {role: self.new[tensor].shape for role, (tensor, _) in moved.items()}
        if all(self.old[o.tensor].shape == shapes[role] for role, (_, o) in moved.items()):
            return {role: Operand(tensor, o.dims) for role, (tensor, o) in moved.items()}
        sizes: dict[str, int] = {}
        for role, (_, operand) in moved.items():
            sizes.update(sizes_shown(operand.dims, shapes[role]))
        dims = {role: resized(o.dims, shapes[role], sizes) for role, (_, o) in moved.items()}
        return {role: Operand(moved[role][0], own) for role, own in dims.items() if own is not None}


def translation(pairs: Sequence[tuple[Op, Op]], old: Sequence[Tensor], new: Sequence[Tensor]) -> Translation:
    """Args: pairs of old and new ops; the tensors that they read and write pair up in order."""
    tensors: dict[int, int] = {}
    for before, after in pairs:
        seen = zip((*before.inputs, *before.outputs), (*after.inputs, *after.outputs), strict=False)
        for own, other in seen:
            tensors.setdefault(own, other)
    return Translation({before.index: after.index for before, after in pairs}, tensors, old, new)


def sizes_shown(dims: Dims, shape: tuple[int, ...]) -> dict[str, int]:
    """New sizes of the letters that have a dim of their own."""
    letters = [letter for dim in dims for letter, _ in dim]
    return {
        dim[0][0]: size
        for dim, size in zip(dims, shape, strict=True)
        if len(dim) == 1 and dim[0][0] in _FREE and letters.count(dim[0][0]) == 1
    }


def resized(dims: Dims, shape: tuple[int, ...], sizes: Mapping[str, int]) -> Dims | None:
    """The dims with the sizes of another shape; None where it does not say which factor took which.

    A dim of size 1 has no letters: when it grows there is no telling.

    Args:
        sizes: The new sizes of letters that are known. Of the others, one in each dim can be worked out.
    """
    found: list[tuple[tuple[str, int], ...]] = []
    for dim, size in zip(dims, shape, strict=True):
        given = [n if letter not in _FREE else sizes.get(letter) for letter, n in dim]
        rest = size // max(prod(n for n in given if n is not None), 1)
        own = [rest if n is None else n for n in given]
        if given.count(None) > 1 or prod(own) != size:
            return None
        found.append(tuple((letter, n) for (letter, _), n in zip(dim, own, strict=True) if n > 1))
    return tuple(found)


def _count(operands: Mapping[str, Operand], roles: str, letters: str) -> int | None:
    """How many of something the first known operand of some roles shows; None when none is known."""
    dims = next((operands[role].dims for role in roles.split() if role in operands), None)
    if dims is None:
        return None
    return prod(size for dim in dims for letter, size in dim if letter in letters)
