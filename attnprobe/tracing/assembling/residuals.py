"""From a core's output to the sum with what the site started from."""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from dataclasses import dataclass

from attnprobe.records import Core, Op
from attnprobe.tracing.assembling.stream_ops import (
    before_views,
    is_inside,
    is_projection,
    is_sum,
    is_view,
    lets_pass,
    normalises,
)
from attnprobe.tracing.assembling.upstream import Upstream
from attnprobe.tracing.reading.scene import Scene

_LONGEST = 120
_PROJECTIONS = 2  # of an output: a low-rank one has two
_SUMS = 2  # with other branches, as where attention and feed-forward run side by side


@dataclass(slots=True)
class Branch:
    """What a site gives back."""

    branch: int | None = None
    entry: int | None = None  # the other addend of the residual
    sum: int | None = None
    is_normalised: bool = False  # before it is added


@dataclass(frozen=True, slots=True)
class _Walked:
    """How a tensor was reached from the core."""

    projections: int = 0
    sums: int = 0
    is_normalised: bool = False
    branch: int | None = None  # what entered the first sum with another branch


def follow(scene: Scene, core: Core, module: str, above: Upstream) -> Branch:
    """Walk forward from the core, op by op, to the first sum with one of the tensors `above`.

    Without such a sum the branch is what the last projection inside of the site's module gives.
    """
    reached = {part.output: _Walked() for part in core.parts or (core,)}
    ends = {i for part in core.parts or (core,) for i in part.value_ops}
    waiting = [i for tensor in reached for i in _readers(scene, tensor, min(ends))]
    heapq.heapify(waiting)
    projected, seen = Branch(), set[int]()
    while waiting and len(seen) < _LONGEST:
        op = scene.ops[heapq.heappop(waiting)]
        if op.index in seen or op.index in ends:
            continue
        seen.add(op.index)
        tensor = next((t for t in op.inputs if t in reached), None)
        if tensor is None or not lets_pass(scene, op):
            continue
        walked = reached[tensor]
        if is_sum(scene, op):
            one, other = op.inputs[:2]
            mine, theirs = (one, other) if one == tensor else (other, one)
            if _is_entry(scene, above, theirs, op):
                return Branch(
                    walked.branch or mine,
                    _entry_of(scene, above, theirs, op),
                    op.outputs[0],
                    walked.is_normalised,
                )
        following = _after(scene, op, walked, tensor, reached)
        if following is None:
            continue
        if is_projection(scene, op) and module and is_inside(op.module, module):
            projected = Branch(_hidden_states(scene, op.outputs[0]), is_normalised=following.is_normalised)
        for output in _written(scene, op):
            reached[output] = following
            for reader in _readers(scene, output, op.index):
                heapq.heappush(waiting, reader)
    return projected


def _after(scene: Scene, op: Op, walked: _Walked, tensor: int, reached: dict[int, _Walked]) -> _Walked | None:
    """How the op's output was reached; None where the branch is not followed any further."""
    own = [reached[t] for t in op.inputs if t in reached]
    is_normalised = any(one.is_normalised for one in own) or (normalises(op) and not walked.sums)
    meets = is_sum(scene, op) and not all(t in reached for t in op.inputs[:2])
    following = _Walked(
        walked.projections + is_projection(scene, op),
        walked.sums + meets,
        is_normalised,
        walked.branch if walked.branch is not None else tensor if meets else None,
    )
    is_too_far = following.projections > _PROJECTIONS or following.sums > _SUMS
    return None if is_too_far else following


def _is_entry(scene: Scene, above: Upstream, tensor: int, op: Op) -> bool:
    return above.holds(tensor, op.index) or _addend(scene, above, tensor, op) is not None


def _entry_of(scene: Scene, above: Upstream, tensor: int, op: Op) -> int:
    if above.holds(tensor, op.index):
        return tensor
    found = _addend(scene, above, tensor, op)
    assert found is not None
    return found


def _addend(scene: Scene, above: Upstream, tensor: int, op: Op) -> int | None:
    """The addend of another branch's sum that the site starts from too: (x + mlp(x)) + attention(x)."""
    last = before_views(scene, tensor, op.index)[-1]
    other = scene.maker(last, op.index)
    if other is None or not is_sum(scene, other):
        return None
    return next((t for t in other.inputs[:2] if above.holds(t, other.index)), None)


def _hidden_states(scene: Scene, tensor: int) -> int:
    """The view [B, S, E] of a projection's output, where there is one."""
    width = scene.tensors[tensor].shape[-1]
    for reader in _readers(scene, tensor, -1):
        for output in scene.ops[reader].outputs:
            shape = scene.tensors[output].shape
            if is_view(scene.ops[reader]) and len(shape) == 3 and shape[-1] == width:
                return output
    return tensor


def _readers(scene: Scene, tensor: int, after: int) -> list[int]:
    return [i for i in scene.consumers.get(tensor, ()) if i > after]


def _written(scene: Scene, op: Op) -> list[int]:
    """An op's outputs, and the whole buffers into parts of which it wrote."""
    blanks = (scene.labelling.blanks.get(scene.tensors[t].storage) for t in op.writes)
    return list(dict.fromkeys([*op.outputs, *(blank for blank in blanks if blank is not None)]))


def has_no_residual(scene: Scene, core: Core, module: str, read: int) -> bool:
    """Whether surely nothing goes past this attention: no residual, concatenation or gate.

    Nothing that was computed on the way to the site meets, round the core, what comes after it. Where nothing
    comes after the site's module, the residual may be in code that was not scanned: then it is not sure.
    """
    parts = core.parts or (core,)
    own = {i for part in parts for i in (*part.score_ops, *part.inner_ops, *part.value_ops)}
    behind = _descendants(scene, [part.output for part in parts])
    beside = _descendants(scene, _ancestors(scene, read)) - behind
    goes_on = False
    for op in scene.ops[: scene.end]:
        if op.index in own or op.phase != "forward" or behind.isdisjoint((*op.outputs, *op.writes)):
            continue
        if not beside.isdisjoint(op.inputs):
            return False
        goes_on |= bool(module) and not is_inside(op.module, module)
    return goes_on


def _ancestors(scene: Scene, tensor: int) -> set[int]:
    """All that a tensor is made from, also where ops write in place."""
    found, todo = {tensor}, [tensor]
    while todo:
        makers = scene.labelling.producers.get(todo.pop(), ())
        for t in {t for index in makers for t in scene.ops[index].inputs} - found:
            if scene.is_data(t):
                found.add(t)
                todo.append(t)
    return found


def _descendants(scene: Scene, tensors: Iterable[int]) -> set[int]:
    """The tensors and all that is computed from them."""
    found = set(tensors)
    for op in scene.ops[: scene.end]:
        if op.phase == "forward" and any(t in found for t in op.inputs):
            found.update(t for t in (*op.outputs, *op.writes) if scene.is_data(t))
    return found
