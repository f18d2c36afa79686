"""Loading `--weights FILE.safetensors` into a module, strictly."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from attnprobe.errors import TargetError
from attnprobe.loading.building.user_code import relative, shown, text_of

_NAMED = 4  # keys that a message names before it only counts


def check_weights(module: nn.Module, file: Path) -> None:
    """Compare names and shapes; reads the header of the file only.

    Raises:
        TargetError: The file cannot be read, or does not fit; names what differs.
    """
    with _opened(file) as stored:
        shapes = {name: tuple(stored.get_slice(name).get_shape()) for name in stored.keys()}  # noqa: SIM118
    own = _own_tensors(module)
    missing = sorted(set(own) - set(shapes) - _stored_under_another_name(module, shapes))
    unexpected = sorted(set(shapes) - set(own))
    if missing or unexpected:
        found = [_counted(missing, "missing from the file"), _counted(unexpected, "unknown to the model")]
        raise TargetError(
            f"{relative(file)} does not fit the model: {'; '.join(part for part in found if part)}",
            hint="The names are those of model.state_dict(); check that the weights belong to this entry.",
        )
    for name, shape in shapes.items():
        if tuple(own[name].shape) != shape:
            raise TargetError(
                f"{relative(file)} does not fit the model: {shown(name)} is {list(shape)} in the file "
                f"and {list(own[name].shape)} in the model"
            )


def load_weights(module: nn.Module, file: Path) -> None:
    """Copy the stored values into the module's parameters and buffers, cast to their dtype."""
    check_weights(module, file)
    own = _own_tensors(module)
    with _opened(file) as stored, torch.no_grad():
        for name in stored.keys():  # noqa: SIM118
            own[name].copy_(stored.get_tensor(name))


def _opened(file: Path) -> Any:
    from safetensors import SafetensorError, safe_open

    if file.suffix != ".safetensors":
        raise TargetError(
            f"--weights {shown(file)}: expected a .safetensors file",
            hint="Convert it once: safetensors.torch.save_file(model.state_dict(), 'weights.safetensors').",
        )
    if not file.is_file():
        raise TargetError(f"--weights {shown(file)} is not a file")
    try:
        return safe_open(str(file), framework="pt")
    except (SafetensorError, OSError, ValueError) as error:
        raise TargetError(f"--weights {shown(file)} cannot be read: {text_of(error)}") from error


def _stored_under_another_name(module: nn.Module, stored: Mapping[str, Any]) -> set[str]:
    """Names of tied weights: the tensor is in the file once, under one of its names."""
    named = [*module.named_parameters(remove_duplicate=False), *module.named_buffers(remove_duplicate=False)]
    there = {id(tensor) for name, tensor in named if name in stored}
    return {name for name, tensor in named if id(tensor) in there}


def _own_tensors(module: nn.Module) -> dict[str, torch.Tensor]:
    return {name: value for name, value in module.state_dict().items() if isinstance(value, torch.Tensor)}


def _counted(names: list[str], what: str) -> str:
    if not names:
        return ""
    listed = ", ".join(shown(name, 80) for name in names[:_NAMED])
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"{len(names)} {what} ({listed}{more})"
