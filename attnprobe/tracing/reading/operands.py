"""What happened to an operand before it entered a core: scaling, repeating."""

from __future__ import annotations

from typing import Any

from attnprobe.records import Ref
from attnprobe.tracing.axes.labelling import op_names, short_name
from attnprobe.tracing.reading.scene import Scene

_TRANSPARENT = op_names(
    "view _unsafe_view reshape transpose permute t expand clone contiguous _to_copy unsqueeze squeeze",
    "slice select split split_with_sizes unbind chunk alias detach _reshape_alias as_strided",
)


def prescale(scene: Scene, tensor: int) -> tuple[float | None, bool]:
    """The constant factor that an operand was multiplied with on its way from its projection.

    Returns:
        The factor (None when a learned one is among them), and whether there was any.
    """
    factor: float | None = 1.0
    found = False
    before: int | None = None
    for _ in range(12):
        op = scene.maker(tensor, before)
        if op is None or op.index in scene.contractions or not op.inputs:
            break
        name = short_name(op.name).rstrip("_")
        if name in ("mul", "div") and len(op.arguments) > 1:
            other = op.arguments[1]
            value = scene.constant(other)
            if value is None and not _is_learned_scale(scene, other):
                break  # a position rotation, a norm's weight: not a scale
            found = True
            if value is None or factor is None:
                factor = None
            else:
                factor = factor * value if name == "mul" else factor / value
        elif name not in _TRANSPARENT:
            break
        tensor, before = op.inputs[0], op.index
    return factor, found


def _is_learned_scale(scene: Scene, argument: Any) -> bool:
    return (
        isinstance(argument, Ref) and scene.is_weight(argument.id) and scene.tensors[argument.id].numel == 1
    )
