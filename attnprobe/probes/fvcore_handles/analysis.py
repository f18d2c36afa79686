"""One forward pass under fvcore's counter."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.utils._pytree import tree_flatten, tree_unflatten

from attnprobe.errors import ModelError
from attnprobe.probes.fvcore_handles.fused_attention import FUSED_ATTENTION
from attnprobe.probes.fvcore_handles.products import PRODUCTS
from attnprobe.records import LoadedModel
from attnprobe.running import first_line, output_tensors

# Counted by fvcore, but not matrix products. A handle of None would leave fvcore's own in place.
_NOT_PRODUCTS = (
    *("aten::batch_norm", "aten::group_norm", "aten::layer_norm", "aten::instance_norm"),
    *("aten::upsample_nearest2d", "aten::upsample_bilinear2d"),
    *("aten::adaptive_avg_pool2d", "aten::grid_sampler"),
)
_MODEL = "model"


@dataclass(frozen=True, slots=True)
class SecondCount:
    """FLOPs as fvcore sees them, 2 per multiply-add."""

    by_module: Mapping[str, int]  # submodules included; "" is the model
    by_op: Mapping[str, int]
    unsupported: Mapping[str, int]  # op without a handle -> how often it ran

    @property
    def total(self) -> int:
        """Of the whole model."""
        return self.by_module[""]


def count_with_fvcore(model: LoadedModel) -> SecondCount:
    """Trace one forward pass and count its matrix products and convolutions.

    The caller lends the model (see `borrowing`): the trace runs it.

    Raises:
        ModelError: The model cannot be traced, or a shape in the trace is not known.
    """
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # torch.jit.trace is deprecated; a tracer warning per Python branch
        try:
            return _count(model)
        except Exception as error:
            raise ModelError(f"fvcore cannot trace the model: {first_line(error)}") from error


def _count(model: LoadedModel) -> SecondCount:
    from fvcore.nn import FlopCountAnalysis

    leaves, structure = tree_flatten((model.args, model.kwargs))
    tensors = tuple(leaf for leaf in leaves if isinstance(leaf, torch.Tensor))
    analysis = FlopCountAnalysis(_TensorsOnly(model.module, leaves, structure), tensors)
    analysis.set_op_handle(**{**dict.fromkeys(_NOT_PRODUCTS, _nothing), **PRODUCTS, **FUSED_ATTENTION})
    analysis.unsupported_ops_warnings(False).uncalled_modules_warnings(False).tracer_warnings("none")
    modules = {
        name.removeprefix(_MODEL).removeprefix("."): int(2 * multiply_adds)
        for name, multiply_adds in analysis.by_module().items()
        if name.split(".")[0] == _MODEL
    }
    return SecondCount(modules, _doubled(analysis.by_operator()), dict(analysis.unsupported_ops()))


def _nothing(inputs: list[Any], outputs: list[Any]) -> int:
    return 0


def _doubled(multiply_adds: Counter[str]) -> dict[str, int]:
    return {name: int(2 * number) for name, number in multiply_adds.items() if number}


class _TensorsOnly(nn.Module):
    """The model as a function of tensors that returns tensors, which is all that a trace can hold."""

    def __init__(self, module: nn.Module, leaves: list[Any], structure: Any) -> None:
        super().__init__()
        self.model = module
        self.training = module.training
        self._leaves, self._structure = leaves, structure

    def forward(self, *tensors: torch.Tensor) -> tuple[torch.Tensor, ...]:
        given = iter(tensors)
        leaves = [next(given) if isinstance(leaf, torch.Tensor) else leaf for leaf in self._leaves]
        args, kwargs = tree_unflatten(leaves, self._structure)
        return tuple(output_tensors(self.model(*args, **kwargs)))
