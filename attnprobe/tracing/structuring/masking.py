"""Masks that come too late, overflow, or hide nothing."""

from __future__ import annotations

from collections.abc import Iterator
from math import isinf

import torch

from attnprobe.records import Core, Number, Op, Ref
from attnprobe.tracing.axes.algebra import axes_of
from attnprobe.tracing.axes.labelling import op_names, short_name
from attnprobe.tracing.reading.lineage import Step
from attnprobe.tracing.reading.scene import Scene
from attnprobe.tracing.structuring.inside import Inside, insides, normalisations, parts_of

MASK_VALUES = ("none", "overflows", "does not hide")
_RANDOM = ("bernoulli", "rand", "native_dropout", "uniform", "normal", "exponential")
_ZEROES = frozenset({"mul", "masked_fill", "where"})
_MAKES_VALUES = op_names(  # whose numbers are values of what they make, not places in it
    "mul add sub rsub full full_like new_full fill where masked_fill scalar_tensor _to_copy lift_fresh",
)
_SUMS = ("sum", "linalg_vector_norm", "norm")
_FARTHEST = 40
_WEAK = 5.0  # a replaced score of a size that scores have themselves
_UNSEEN = "the way from its scores to its values is not seen"


def late_masks(scene: Scene, core: Core) -> tuple[int, ...] | str:
    """Ops that zero probabilities which nothing brings back to a sum of one; or why it is not known."""
    if core.normaliser != "softmax":
        return "its normaliser is no softmax"
    if all(part.value_ops[-1] not in scene.contractions for part in parts_of(core)):
        return ()
    seen = insides(scene, core)
    if seen is None:
        return _UNSEEN
    found: list[int] = []
    for inside in seen:
        late = _late_steps(scene, inside)
        for place, step in late:
            if scene.ops[step.op].zeroing is None:
                if _may_zero(scene, step):
                    return "the values of a mask that meets its weights after the softmax are not known"
            elif _hides_more(scene, inside, step) and not _is_renormalised(scene, inside, place):
                found.append(step.op)
    return tuple(found)


def mask_after_softmax(scene: Scene, core: Core) -> Number | str:
    """1 where there are late masks."""
    found = late_masks(scene, core)
    return found if isinstance(found, str) else int(bool(found))


def _late_steps(scene: Scene, inside: Inside) -> list[tuple[int, Step]]:
    """Products with, and fillings by, something that is no data and lies along the keys."""
    places = [each.place for each in normalisations(scene, inside)]
    if not places:
        return []
    steps = list(enumerate(inside.steps))[max(places) + 1 :]
    return [(place, step) for place, step in steps if _meets_mask(scene, step)]


def _meets_mask(scene: Scene, step: Step) -> bool:
    op = scene.ops[step.op]
    if short_name(op.name).rstrip("_") not in _ZEROES:
        return False
    return any(_lies_along_keys(scene, step, t) for t in op.inputs if t != step.carrier)


def _lies_along_keys(scene: Scene, step: Step, tensor: int) -> bool:
    record = scene.tensors[tensor]
    if record.needs_weights or not record.shape or _is_random(scene, tensor, step.op):
        return False
    dims = scene.label(step.carrier).dims
    keys = [i - len(dims) for i, dim in enumerate(dims) if axes_of((dim,)) & step.summed]
    return any(-place <= len(record.shape) and record.shape[place] > 1 for place in keys)


def _may_zero(scene: Scene, step: Step) -> bool:
    """A mask whose values were not seen; another constant than 0 fills in no zeros."""
    op = scene.ops[step.op]
    return short_name(op.name).rstrip("_") == "mul" and _is_mask_like(scene, step)


def _is_mask_like(scene: Scene, step: Step) -> bool:
    others = [scene.tensors[t] for t in scene.ops[step.op].inputs if t != step.carrier]
    return any(tensor.dtype == "bool" for tensor in others)


def _is_random(scene: Scene, tensor: int, before: int) -> bool:
    return any(any(word in short_name(op.name) for word in _RANDOM) for op in _made_by(scene, tensor, before))


def _made_by(scene: Scene, tensor: int, before: int | None) -> Iterator[Op]:
    """The ops from which a tensor was made, back to what came from outside."""
    todo: list[tuple[int, int | None]] = [(tensor, before)]
    seen: set[int] = set()
    while todo and len(seen) < _FARTHEST:
        op = scene.maker(*todo.pop())
        if op is None or op.index in seen:
            continue
        seen.add(op.index)
        yield op
        todo += [(t, op.index) for t in op.inputs]


def _hides_more(scene: Scene, inside: Inside, step: Step) -> bool:
    """Whether a late mask hides entries that no mask before the softmax has hidden."""
    late = scene.ops[step.op].zeroing
    early = [mask for i in inside.core.mask_ops if (mask := scene.ops[i].mask) is not None]
    if late is None:
        return False
    return all(late.visible_share < mask.visible_share - 1e-6 for mask in early)


def _is_renormalised(scene: Scene, inside: Inside, place: int) -> bool:
    """Whether what is left is divided by something, or summed to be divided by later."""
    later = inside.steps[place:]
    for step in later[1:]:
        op = scene.ops[step.op]
        if short_name(op.name).rstrip("_") in ("div", "true_divide", "softmax", "_softmax"):
            return True
        if short_name(op.name).rstrip("_") == "mul" and _is_data_factor(scene, step):
            return True
    masked = [scene.ops[step.op].outputs[0] for step in later if scene.ops[step.op].outputs]
    readers = (scene.ops[i] for t in masked for i in scene.consumers.get(t, ()))
    return any(short_name(op.name) in _SUMS for op in readers)


def _is_data_factor(scene: Scene, step: Step) -> bool:
    return any(scene.is_data(t) for t in scene.ops[step.op].inputs if t != step.carrier)


def mask_value_unsafe(scene: Scene, core: Core) -> Number | str:
    """Index into MASK_VALUES: what is wrong with the number by which scores are hidden."""
    seen = insides(scene, core) if core.normaliser == "softmax" else None
    sides: list[tuple[int, int]] = []
    if seen is None:
        op = scene.ops[core.score_ops[0]]
        sides = [(t, op.index) for t in op.inputs[3:4]]
    for inside in seen or ():
        first = next(normalisations(scene, inside), None)
        steps = inside.steps[: first.place] if first is not None else []
        fills = [(step, value) for step in steps if (value := fill_of(scene, step)) is not None]
        if any(abs(value) < _WEAK for _, value in fills) and not inside.core.mask_ops:
            return MASK_VALUES.index("does not hide")
        sides += [
            (t, step.op)
            for step in steps
            for t in scene.ops[step.op].inputs
            if t != step.carrier and not scene.tensors[t].needs_weights
        ]
    is_over = any(_overflows(scene, op) for t, before in sides for op in _made_by(scene, t, before))
    return MASK_VALUES.index("overflows" if is_over else "none")


def fill_of(scene: Scene, step: Step) -> float | None:
    """The number that an op writes over scores along a mask of the keys; None when it writes none."""
    op = scene.ops[step.op]
    name = short_name(op.name).rstrip("_")
    if name == "masked_fill":
        mask, value = op.arguments[1], op.arguments[2]
    elif name == "where" and len(op.arguments) == 3:
        mask = op.arguments[0]
        value = next((a for a in op.arguments[1:] if not (isinstance(a, Ref) and a.id == step.carrier)), None)
    else:
        return None
    if not isinstance(mask, Ref) or not _lies_along_keys(scene, step, mask.id):
        return None
    return scene.constant(value)


def _overflows(scene: Scene, op: Op) -> bool:
    """Whether a finite number of an op is beyond the range of the dtype that it makes."""
    if short_name(op.name).rstrip("_") not in _MAKES_VALUES:
        return False
    made = next((scene.tensors[t] for t in op.outputs), None)
    dtype = getattr(torch, made.dtype, None) if made is not None else None
    if made is None or not isinstance(dtype, torch.dtype) or not dtype.is_floating_point:
        return False
    largest = torch.finfo(dtype).max
    numbers = [value for a in op.arguments if (value := scene.constant(a)) is not None]
    return any(abs(value) > largest and not isinf(value) for value in numbers)
