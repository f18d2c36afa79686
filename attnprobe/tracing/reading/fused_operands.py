"""The operands of attention in one op, whose own convention says what most dims count."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from attnprobe.records import Core, Operand
from attnprobe.tracing.reading.layouts import Layout, operands
from attnprobe.tracing.reading.letters import COPY, Pieces, agreed, batch_pieces
from attnprobe.tracing.reading.scene import Scene


def fused_operands(scene: Scene, core: Core) -> Mapping[str, Operand]:
    """query [B, H, L, D], key [B, G, S, D], value [B, G, S, Dv]; or without B, or with B and H folded.

    From four dims on, the third from the end counts heads, whatever it descends from.
    """
    if core.query is None or core.key is None or core.value is None:
        return {}
    leading = {
        role: _leading(scene, tensor, has_copies=role != "query") for role, tensor in _tensors(core).items()
    }
    layouts: dict[str, tuple[int, Layout | None]] = {}
    batch = _agreed(leading["query"], leading["key"])
    values = _agreed(leading["query"], leading["value"])
    if batch is None or values is None:
        return {}
    for role, pieces, row in (("query", batch[0], "l"), ("key", batch[1], "s"), ("value", values[1], "s")):
        shape = scene.tensors[_tensors(core)[role]].shape
        layouts[role] = (_tensors(core)[role], (*pieces, ((row, shape[-2]),), (("d", shape[-1]),)))
    shape = scene.tensors[core.output].shape
    layouts["output"] = (core.output, (*batch[0], (("l", shape[-2]),), (("d", shape[-1]),)))
    return operands(core, layouts)


def sequence_first_operands(scene: Scene, core: Core) -> Mapping[str, Operand]:
    """query [B, L, H, D], key [B, S, G, D], value [B, S, G, Dv]; or packed, without B."""
    layouts: dict[str, tuple[int, Layout | None]] = {}
    for role, tensor in (*_tensors(core).items(), ("output", core.output)):
        shape = scene.tensors[tensor].shape
        row = "s" if role in ("key", "value") else "l"
        letters = (*"n" * (len(shape) - 3), row, "h", "d")
        layouts[role] = (tensor, tuple(((letter, n),) for letter, n in zip(letters, shape, strict=True)))
    return operands(core, layouts)


def _tensors(core: Core) -> dict[str, int]:
    found = {"query": core.query, "key": core.key, "value": core.value}
    return {role: tensor for role, tensor in found.items() if tensor is not None}


def _leading(scene: Scene, tensor: int, *, has_copies: bool) -> tuple[Pieces, ...]:
    """Letters of all dims before the positions."""
    dims = scene.label(tensor).dims
    width, positions = dims[-1:], dims[-2:-1]
    pieces = tuple(batch_pieces(scene, dim, width, positions) for dim in dims[:-2])
    if len(dims) < 4:
        return pieces
    samples = [tuple((letter if letter == "w" else "n", n) for letter, n in dim) for dim in pieces[:-1]]
    heads = tuple((letter if letter == COPY and has_copies else "h", n) for letter, n in pieces[-1])
    return (*samples, heads)


def _agreed(
    query: Sequence[Pieces], other: Sequence[Pieces]
) -> tuple[tuple[Pieces, ...], tuple[Pieces, ...]] | None:
    """Letters of both, dim by dim; with fewer heads in one of them, each stands for itself."""
    if len(query) != len(other):
        return None
    pairs = [agreed(one, two) or (one, two) for one, two in zip(query, other, strict=True)]
    return tuple(pair[0] for pair in pairs), tuple(pair[1] for pair in pairs)
