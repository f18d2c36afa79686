"""Where the weights of a site's heads lie in its parameters. No tensors here, only shapes and the trace."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from attnprobe.records import AttentionSite, Op, Trace

ROLES = ("query", "key", "value", "output")
PROJECTIONS = {"query": "q_proj", "key": "k_proj", "value": "v_proj", "output": "o_proj"}

_KEEPS = frozenset(
    {"view", "_unsafe_view", "reshape", "clone", "_to_copy", "detach", "alias", "expand", "unsqueeze"}
)
_CUTS = frozenset({"split", "split_with_sizes", "chunk", "slice", "narrow"})  # some rows, all dims
_PRODUCTS = frozenset({"mm", "addmm", "bmm", "baddbmm", "matmul"})


@dataclass(frozen=True, slots=True)
class Layout:
    """How to cut one parameter into the blocks of its heads.

    Rows of `stretches` along `rows_dim` belong to the role. Heads lie along `heads_dim`, `heads` of them one
    after another; 1: the blocks of the heads could not be told apart, or the parameter is one head's.
    """

    parameter: str
    rows_dim: int
    stretches: tuple[tuple[int, int, int], ...]
    heads_dim: int
    heads: int


def layouts(trace: Trace, site: AttentionSite, role: str) -> tuple[Layout, ...]:
    """One layout for a parameter of all heads, one per head where each has its own; () if unknown."""
    pattern = site.projections.get(role)
    if not pattern:
        return ()
    names = tuple(expanded(pattern, trace.parameters))
    stretches = tuple(site.projection_rows.get(role, ()))
    is_alone = len(names) == 1
    found = [_layout(trace, site, role, name, stretches, is_alone) for name in names]
    return tuple(layout for layout in found if layout is not None)


def expanded(pattern: str, known: Mapping[str, object]) -> Iterator[str]:
    """Names that a pattern such as "heads.{0..7}.q.weight" or "a, b" stands for, of those that are known."""
    for part in pattern.split(", "):
        if part in known:
            yield part
            continue
        pieces = re.split(r"\{([\d.,]+)\}", part)
        names = [pieces[0]]
        for numbers, tail in zip(pieces[1::2], pieces[2::2], strict=True):
            names = [f"{name}{number}{tail}" for name in names for number in _numbers(numbers)]
        yield from (name for name in names if name in known)


def _numbers(text: str) -> Sequence[int]:
    first, _, last = text.partition("..")
    return range(int(first), int(last) + 1) if last else [int(number) for number in text.split(",")]


def _layout(
    trace: Trace,
    site: AttentionSite,
    role: str,
    name: str,
    stretches: tuple[tuple[int, int, int], ...],
    is_alone: bool,
) -> Layout | None:
    shape = trace.parameters[name][0]
    width = site.value_dim if role in ("value", "output") else site.head_dim
    heads = site.num_heads if role in ("query", "output") else site.num_kv_heads
    if len(shape) < 2:
        return None
    if len(shape) == 3 and (own := _head_dim(shape, heads, width)) is not None:
        return Layout(name, own, ((0, shape[own], 1),), own, heads)
    pattern = site.projections[role]
    together = [
        s for r, p in site.projections.items() if p == pattern for s in site.projection_rows.get(r, ())
    ]
    rows = _rows_dim(trace, name, shape, together)
    if rows is None:
        return None
    count = sum(len(range(*stretch)) for stretch in stretches)
    if not count:
        stretches, count = ((0, shape[rows], 1),), shape[rows]
    along = (1 - rows) if role == "output" and len(shape) == 2 else rows
    features = shape[along] if along != rows else count
    is_cut = is_alone and features % width == 0 and features // width in (heads, site.num_heads)
    return Layout(name, rows, stretches, along, features // width if is_cut else 1)


def _head_dim(shape: Sequence[int], heads: int, width: int) -> int | None:
    """The dim of the heads of a parameter [heads, E, D], [E, heads, D] …"""
    for dim in range(len(shape)):
        if shape[dim] == heads and width in shape[dim + 1 :]:
            return dim
    return None


def _rows_dim(
    trace: Trace, name: str, shape: Sequence[int], stretches: Sequence[tuple[int, int, int]]
) -> int | None:
    """The dim of a weight that its product keeps; the other one is summed. None: not told."""
    if len(shape) > 2:
        return 0  # kernels of convolutions, [out, in, …]
    last = max((stop - step for _, stop, step in stretches), default=0)
    fitting = [dim for dim in (0, 1) if last < shape[dim]]
    if len(fitting) == 1:
        return fitting[0]
    return _kept_dim(trace, name)


def _kept_dim(trace: Trace, name: str) -> int | None:
    """Followed through the ops: x @ W keeps dim 1 of W, x @ W.t() and W @ x keep dim 0."""
    known: dict[int, tuple[int, ...]] = {
        t.id: (0, 1) for t in trace.tensors if t.origin == f"parameter:{name}"
    }
    for op in trace.ops[: trace.forward_end]:
        tensor = next((t for t in op.inputs if t in known), None)
        if tensor is None:
            continue
        short, dims = op.name.split(".")[1], known[tensor]
        if short == "linear":
            return dims[0]
        if short in _PRODUCTS:
            return dims[-1] if _is_right(op, short, tensor) else dims[-2]
        moved = _moved(trace, op, short, tensor, dims)
        if moved is not None:
            known.update(dict.fromkeys(op.outputs, moved))
    return None


def _is_right(op: Op, short: str, tensor: int) -> bool:
    """Whether a tensor is the second factor; the first input of `addmm` is what is added."""
    factors = op.inputs[-2:] if short in ("addmm", "baddbmm") else op.inputs
    return factors[-1] == tensor


def _moved(trace: Trace, op: Op, short: str, tensor: int, dims: tuple[int, ...]) -> tuple[int, ...] | None:
    """Which dim of the weight each dim of a view of it is; -1 for dims of size 1 that were added."""
    rank = len(dims)
    order = list(range(rank))
    given = op.arguments[1:]
    if short == "t":
        order.reverse()
    elif short == "transpose":
        one, other = (int(dim) % rank for dim in given[:2])
        order[one], order[other] = order[other], order[one]
    elif short == "permute":
        order = [int(dim) % rank for dim in given[0]]
    elif short in _CUTS:
        pass
    elif short in _KEEPS:
        return _kept(trace.tensors[op.outputs[0]].shape, trace.tensors[tensor].shape, dims)
    else:
        return None
    return tuple(dims[dim] for dim in order)


def _kept(after: Sequence[int], before: Sequence[int], dims: tuple[int, ...]) -> tuple[int, ...] | None:
    """Dims after a view that only adds and drops dims of size 1."""
    remaining = [dim for dim, size in zip(dims, before, strict=True) if size != 1]
    if [size for size in after if size != 1] != [size for size in before if size != 1]:
        return None
    return tuple(-1 if size == 1 else remaining.pop(0) for size in after)
