"""Is there a factor anywhere between the projections and the softmax?"""

from __future__ import annotations

from attnprobe.records import Core, Number, Op, Ref
from attnprobe.tracing.axes.labelling import op_names, short_name
from attnprobe.tracing.reading.scene import Scene
from attnprobe.tracing.structuring.inside import Inside, insides, normalisations, parts_of

_MOVES = op_names(
    "view _unsafe_view reshape _reshape_alias transpose permute t expand clone contiguous _to_copy unsqueeze",
    "squeeze slice select split split_with_sizes unbind chunk alias detach as_strided neg cat concat stack",
    "roll index repeat flip view_as_complex view_as_real copy_ index_put_ index_select constant_pad_nd",
    "native_dropout dropout flatten unflatten movedim",
)
_ADDS = frozenset({"add", "sub", "rsub", "masked_fill", "where", "amax", "max", "exp"})
_FACTORS = frozenset({"mul", "div", "true_divide"})
_NORMS = op_names(
    "native_layer_norm native_group_norm native_batch_norm _native_batch_norm_legit _fused_rms_norm rsqrt",
    "_native_batch_norm_legit_no_training var var_mean std linalg_vector_norm norm rms_norm layer_norm pow",
)
_FARTHEST = 80
_SDPA = "scaled_dot_product"


def unscaled_scores(scene: Scene, core: Core) -> Number | str:
    """1: no factor, no normalisation of queries or keys, no scale in their weights' computation; else 0."""
    if core.normaliser != "softmax" or core.mechanism not in ("dot_product", "talking_heads"):
        return "its scores are no products of queries and keys that enter a softmax"
    found = [_of_part(scene, part) for part in parts_of(core)]
    reason = next((one for one in found if isinstance(one, str)), None)
    return min(found, key=float) if reason is None else reason


def _of_part(scene: Scene, part: Core) -> Number | str:
    if part.query is None or part.key is None:
        return 0  # one op with its projections, which scales
    inner = _kernel_scales(scene, part)
    if inner is None:
        seen = insides(scene, part)
        if seen is None:
            return "the way from its scores to the softmax is not seen"
        inner = _scores_are_scaled(scene, seen[0])
    if inner:
        return 0
    if scene.is_weight(part.query) or scene.is_weight(part.key):
        return "its queries or keys are learned: their size is a scale"
    for operand in (part.query, part.key):
        found = _operand_is_scaled(scene, operand)
        if isinstance(found, str) or found:
            return found if isinstance(found, str) else 0
    return 1


def _kernel_scales(scene: Scene, part: Core) -> bool | None:
    """Whether the one op of a fused core scales; None when it is not fused."""
    op = scene.ops[part.score_ops[0]]
    if op.index in scene.contractions:
        return None
    if _SDPA not in op.name:
        return True  # extensions and packed layers
    given = op.keywords.get("scale")
    return not (isinstance(given, (int, float)) and given == 1)


def _scores_are_scaled(scene: Scene, inside: Inside) -> bool:
    """Whether anything that may be a factor stands between the product and the first softmax."""
    product = scene.ops[inside.first.op]
    if any(product.keywords.get(name, 1) not in (1, 1.0) for name in ("alpha",)):
        return True
    first = next(normalisations(scene, inside), None)
    if first is None:
        return True
    for step in inside.steps[: first.place]:
        op = scene.ops[step.op]
        name = short_name(op.name)
        if name in _MOVES or name.rstrip("_") in _ADDS:
            continue
        if name.rstrip("_") in _FACTORS and _constant_factor(scene, op) == 1:
            continue
        return True
    return False


def _constant_factor(scene: Scene, op: Op) -> float | None:
    other = op.arguments[1] if len(op.arguments) > 1 else None
    return scene.constant(other)


def _operand_is_scaled(scene: Scene, operand: int) -> bool | str:
    """Whether queries or keys are scaled or normalised after their projection; or why that is not known."""
    todo: list[tuple[int, int | None]] = [(operand, None)]
    seen: set[int] = set()
    while todo:
        op = scene.maker(*todo.pop())
        if op is None or op.index in seen or not op.inputs:
            continue
        seen.add(op.index)
        if len(seen) > _FARTHEST:
            return "the way from its projections to its scores is too long to be followed"
        if op.index in scene.contractions or "convolution" in op.name:
            reason = _computed_weight(scene, op)
            if reason:
                return reason
            continue
        name = short_name(op.name)
        if name in _NORMS:
            return True
        if name.rstrip("_") in _FACTORS:
            if _is_factor(scene, op):
                return True
        elif name not in _MOVES and name.rstrip("_") not in ("add", "sub"):
            return f"its queries or keys pass through {op.name}"
        todo += [(t, op.index) for t in op.inputs if scene.is_data(t)]
    return False


def _is_factor(scene: Scene, op: Op) -> bool:
    """Whether a product or quotient is more than a rotation of positions or a factor 1."""
    constant = _constant_factor(scene, op)
    if constant is not None:
        return constant != 1
    others = [t for t in op.inputs if not scene.is_data(t)]
    if len(others) != 1 or not isinstance(op.arguments[0], Ref):
        return True
    tensor = scene.tensors[others[0]]
    return tensor.needs_weights or tensor.numel == 1


def _computed_weight(scene: Scene, op: Op) -> str:
    """Why the weights of a projection say nothing of its scale: they are computed, or are data."""
    for tensor in op.inputs:
        if scene.is_data(tensor):
            continue
        if not scene.is_weight(tensor):
            return "its queries or keys are made by a product with something that is no weight"
        before: int | None = op.index
        while (maker := scene.maker(tensor, before)) is not None and maker.inputs:
            if short_name(maker.name) not in _MOVES:
                return "the weights of its projections are computed"
            tensor, before = maker.inputs[0], maker.index
    return "" if any(scene.is_weight(t) for t in op.inputs) else "its queries or keys are a product of data"
