"""What an op does to the hidden states that pass through it."""

from __future__ import annotations

from attnprobe.records import Op
from attnprobe.tracing.axes.labelling import op_names, short_name
from attnprobe.tracing.reading.scene import Scene

_VIEWS = op_names(
    "view _unsafe_view reshape _reshape_alias t transpose permute clone contiguous alias detach unsqueeze",
    "squeeze _to_copy flatten unflatten",
)
_NORMALISATIONS = op_names(
    "native_layer_norm native_group_norm native_batch_norm _native_batch_norm_legit cudnn_batch_norm",
    "_native_batch_norm_legit_no_training _fused_rms_norm batch_norm layer_norm rms_norm group_norm",
)
_PARTS_OF_NORMALISATIONS = op_names("rsqrt sqrt var var_mean linalg_vector_norm norm std")
_PASSING = _VIEWS | op_names(
    "native_dropout dropout mul div bernoulli cat concat stack copy_ index_put_ slice select index roll",
    "masked_fill where constant_pad_nd expand split split_with_sizes unbind index_select flip sigmoid",
    "_unsafe_index slice_scatter sum mean pow sub rsqrt",
)


def is_view(op: Op) -> bool:
    """Whether an op only looks at the same elements differently, or copies them."""
    return short_name(op.name) in _VIEWS


def is_inside(module: str, outer: str) -> bool:
    """Whether a module is another one or a part of it."""
    return not outer or module == outer or module.startswith(outer + ".")


def before_views(scene: Scene, tensor: int, before: int | None = None) -> list[int]:
    """A tensor and, further and further back, those of which it is a view or a copy."""
    found = [tensor]
    while (op := scene.maker(tensor, before)) is not None and op.inputs and is_view(op):
        tensor, before = op.inputs[0], op.index
        found.append(tensor)
    return found


def is_projection(scene: Scene, op: Op) -> bool:
    """A product or a convolution of data with a weight."""
    is_product = op.index in scene.contractions or "convolution" in op.name
    return is_product and any(scene.is_weight(t) for t in op.inputs) and any(map(scene.is_data, op.inputs))


def is_normalisation(op: Op) -> bool:
    """A layer, RMS, batch or group normalisation in one op."""
    return short_name(op.name) in _NORMALISATIONS


def normalises(op: Op) -> bool:
    """A normalisation, or the op in the midst of one written by hand."""
    return is_normalisation(op) or short_name(op.name).rstrip("_") in _PARTS_OF_NORMALISATIONS


def is_sum(scene: Scene, op: Op) -> bool:
    """Whether an op adds two computed tensors of its output's size: a residual, or two branches that meet."""
    if short_name(op.name).rstrip("_") != "add" or len(op.inputs) < 2 or not op.outputs:
        return False
    size = scene.tensors[op.outputs[0]].numel
    return all(scene.is_data(t) and scene.tensors[t].numel == size for t in op.inputs[:2])


def lets_pass(scene: Scene, op: Op) -> bool:
    """Whether a branch goes on through an op: moves, scales, normalisations, projections, biases."""
    name = short_name(op.name)
    if name in _PASSING or name.rstrip("_") in _PASSING or normalises(op) or is_projection(scene, op):
        return True
    return name.rstrip("_") == "add"
