"""The same check in double precision, where rounding and a small effect look alike."""

from __future__ import annotations

import copy
from dataclasses import replace

import torch
from torch import Tensor

from attnprobe.probes.perturbing.short_inputs import Short
from attnprobe.resizing import with_changed

_MOST_BYTES = 2**30  # of the copy's parameters and buffers


def in_double_precision(short: Short) -> Short | None:
    """The checks' model as a copy in float64; None where it is too large, or does not copy or run so."""
    module = short.model.module
    tensors = [*module.parameters(), *module.buffers()]
    if 8 * sum(tensor.numel() for tensor in tensors) > _MOST_BYTES:
        return None

    def double(name: str, tensor: Tensor) -> Tensor:
        return tensor.detach().double() if tensor.is_floating_point() else tensor

    before = torch.get_default_dtype()
    try:
        copied = replace(short.model, module=copy.deepcopy(module).double())
        model = with_changed(copied, double)
        return replace(short, model=model, base=short.run(model))
    except Exception:  # whatever the copy of a model may raise: the check in its own precision stands
        return None
    finally:
        torch.set_default_dtype(before)
