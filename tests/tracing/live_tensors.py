"""The live tensors of a trace's operands, from a second run of the same model, in canonical layout."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from attnprobe.records import Core, LoadedModel, Operand, Trace
from attnprobe.tracing.tracing import trace

_DETACH = "aten.detach.default"
_SILENT = ("prim.device", "aten.sym_")
ROWS = {"query": "l", "key": "s", "value": "s", "output": "l", "weights": "l", "scores": "l"}
COLUMNS = {"query": "d", "key": "d", "value": "d", "output": "d", "weights": "s", "scores": "s"}


class _Keeper(TorchDispatchMode):
    """Copies tensors as they pass the ops of a trace: inputs before an op, outputs after it."""

    def __init__(self, known: Trace, wanted: Collection[int]) -> None:
        super().__init__()
        self.kept: dict[int, Tensor] = {}
        self.arguments: dict[int, tuple[tuple[Any, ...], dict[str, Any]]] = {}  # op -> what it was given
        self._ops = iter([op for op in known.ops[: known.forward_end] if op.name != _DETACH])
        self._wanted = wanted

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if str(func) == _DETACH or str(func).startswith(_SILENT):
            return func(*args, **kwargs)
        op = next(self._ops)
        assert op.name == str(func)
        inputs = list(_tensors((args, tuple(kwargs.values()))))
        self._keep(op.inputs, inputs)
        if "attention" in op.name:
            self.arguments[op.index] = (args, kwargs)
        result = func(*args, **kwargs)
        self._keep(op.outputs, list(_tensors(result)))
        return result

    def _keep(self, ids: tuple[int, ...], tensors: list[Tensor]) -> None:
        """The last state that an op saw: what is changed in place is kept as the core reads it."""
        for number, tensor in zip(ids, tensors, strict=True):
            if number in self._wanted:
                self.kept[number] = tensor.detach().clone()


class _Functions(TorchFunctionMode):
    """Keeps torch from its fast paths, as a capture does."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return func(*args, **(kwargs or {}))


def leaves(known: Trace) -> Iterator[tuple[str, Core]]:
    """Every core, or the parts of one that was put together, with its site's name."""
    for site, core in zip(known.sites, known.cores, strict=True):
        for part in core.parts or (core,):
            yield site.id, part


def run_again(
    model: LoadedModel, known: Trace, wanted: Collection[int]
) -> tuple[Mapping[int, Tensor], Mapping[int, tuple[tuple[Any, ...], dict[str, Any]]]]:
    """Tensors by their ids in the trace, and the arguments of the fused kernels by op."""
    keeper = _Keeper(known, wanted)
    with torch.no_grad(), _Functions(), keeper:
        model.module.eval()(*model.args, **model.kwargs)
    return keeper.kept, keeper.arguments


def real_trace(model: LoadedModel) -> Trace:
    return trace(model, train=False, backward=False)


def canonical(tensor: Tensor, operand: Operand, role: str) -> Tensor:
    """[N, H, rows, columns], as `records.Operand` says; copies of heads are heads."""
    assert len(operand.dims) == tensor.dim()
    for size, dim in zip(tensor.shape, operand.dims, strict=True):
        assert torch.Size([n for _, n in dim]).numel() == size
    factors = [factor for dim in operand.dims for factor in dim]
    groups = [
        [i for i, (letter, _) in enumerate(factors) if letter in letters]
        for letters in ("nw", "hr", ROWS[role], COLUMNS[role])
    ]
    assert sorted(i for group in groups for i in group) == list(range(len(factors)))
    cut = tensor.reshape([n for _, n in factors]).permute([i for group in groups for i in group])
    return cut.reshape([torch.Size([factors[i][1] for i in group]).numel() for group in groups])


def _tensors(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _tensors(item)
