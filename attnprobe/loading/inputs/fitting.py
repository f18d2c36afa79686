"""A batch of a data loader becomes the call that a forward takes.

What the forward does not take (the labels of a classifier, a dataset's further columns) is left to the loss.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from inspect import Parameter
from typing import Any

import torch
from torch import nn

from attnprobe.errors import TargetError
from attnprobe.loading.building.arguments import parameters_of, takes_any_keyword, takes_any_position
from attnprobe.loading.building.user_code import shown
from attnprobe.registry import nearest
from attnprobe.running import output_tensors

_TARGET_WORDS = ("target", "label")
_BATCH_NAMES = ("batch", "data", "inputs", "sample", "samples", "example", "examples", "features")


@dataclass(frozen=True, slots=True)
class Fitted:
    """One call, and the parts of the batch that are not in it."""

    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()  # "'labels'", "part 1"


def fitted(batch: Any, module: nn.Module, where: str, *, has_loss: bool) -> Fitted:
    """A tensor or the parts of a tuple or list by position, the entries of a dict by name.

    Args:
        where: How the batch is called in an error.
        has_loss: Whether the user's loss will be shown the whole batch.

    Raises:
        TargetError: It is none of these, holds no tensor, or a name in it is nearly one of the forward's.
    """
    if isinstance(batch, torch.Tensor):
        return Fitted((batch,))
    if isinstance(batch, Mapping) and all(isinstance(name, str) for name in batch):
        found = _by_name(batch, module, where, has_loss)
    elif isinstance(batch, (tuple, list)):
        found = _by_position(batch, module, has_loss)
    else:
        raise _unusable(batch, where)
    if next(output_tensors((found.args, found.kwargs)), None) is None:
        raise _unusable(batch, where)
    return found


def _unusable(batch: Any, where: str) -> TargetError:
    what = f"a {shown(type(batch).__name__)}"
    if isinstance(batch, (tuple, list, Mapping)):
        kinds = dict.fromkeys(
            type(v).__name__ for v in (batch.values() if isinstance(batch, Mapping) else batch)
        )
        what += f" of {shown(', '.join(list(kinds)[:4]) or 'nothing')}"
    return TargetError(
        f"{where} is {what}; expected a tensor, or a tuple, list or dict of tensors",
        hint="Collate it into tensors, for example with a DataLoader.",
    )


def _by_name(batch: Mapping[str, Any], module: nn.Module, where: str, has_loss: bool) -> Fitted:
    parameters = parameters_of(module.forward)
    names = tuple(parameter.name for parameter in parameters)
    others = [name for name in batch if name not in names]
    if len(others) == len(batch) and len(names) == 1 and names[0] in _BATCH_NAMES:
        return Fitted((dict(batch),))
    takes_more = takes_any_keyword(module.forward) and not _is_of_transformers(module)
    left_out = [name for name in others if not (takes_more and _is_tensor_or_setting(batch[name]))]
    free = tuple(name for name in names if name not in batch)
    for name in left_out if not has_loss else ():
        near = nearest(name, free)
        if near:
            raise TargetError(
                f"{where} has '{shown(name)}', which the forward does not take{near}",
                hint=f"The forward takes: {', '.join(names[:10])}.",
            )
    missing = [p.name for p in parameters if p.default is Parameter.empty and p.name not in batch]
    if missing:
        raise TargetError(
            f"{where} has no '{missing[0]}', which the forward needs{nearest(missing[0], tuple(batch))}",
            hint=f"It has: {', '.join(shown(name, 40) for name in list(batch)[:10])}.",
        )
    kwargs = {name: value for name, value in batch.items() if name not in left_out}
    return Fitted((), kwargs, tuple(f"'{shown(name, 40)}'" for name in left_out))


def _is_of_transformers(module: nn.Module) -> bool:
    """Its **kwargs are settings of its own; its trainer leaves unknown columns out as well."""
    return any(kind.__name__ == "PreTrainedModel" for kind in type(module).__mro__)


def _is_tensor_or_setting(value: Any) -> bool:
    is_setting = value is None or isinstance(value, (bool, int, float))
    return is_setting or next(output_tensors(value), None) is not None


def _by_position(batch: Sequence[Any], module: nn.Module, has_loss: bool) -> Fitted:
    count = len(batch)
    if not takes_any_position(module.forward):
        parameters = parameters_of(module.forward)
        count = min(len(batch), len(parameters))
        targets = (i for i in range(1, count) if _is_target(batch, i, parameters[i], has_loss))
        count = next(targets, count)
    return Fitted(tuple(batch[:count]), {}, tuple(f"part {i}" for i in range(count, len(batch))))


def _is_target(batch: Sequence[Any], index: int, parameter: Parameter, has_loss: bool) -> bool:
    """Whether a part is for the loss, although the forward has an optional parameter at its place.

    The second of (inputs, targets), where the forward's second parameter is an optional mask.
    """
    is_asked_for = parameter.name == "y" or any(word in parameter.name.lower() for word in _TARGET_WORDS)
    part = batch[index]
    if parameter.default is Parameter.empty or is_asked_for or not isinstance(part, torch.Tensor):
        return False
    is_last = index == len(batch) - 1
    return part.dim() == 1 or (has_loss and is_last and not _is_mask(part))


def _is_mask(tensor: torch.Tensor) -> bool:
    return tensor.dtype == torch.bool or bool(((tensor == 0) | (tensor == 1)).all())
