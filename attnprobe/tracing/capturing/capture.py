"""The capture: every ATen op of a forward and a backward pass, with what is needed to understand it later."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from types import TracebackType
from typing import Any

import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensor
from torch.overrides import TorchFunctionMode

from attnprobe.observing.dispatching import SILENT_OPS, Dispatched, flat_tensors
from attnprobe.records import MaskSummary, Op, Phase, Ref, Tensor
from attnprobe.tracing.capturing.frames import Lines
from attnprobe.tracing.capturing.masks import MaskReader
from attnprobe.tracing.capturing.modules import ModuleStack
from attnprobe.tracing.capturing.storages import Storages

_ZEROING = frozenset({"mul", "mul_", "masked_fill", "masked_fill_", "where"})
_UNREGISTERED = "unregistered"
_MASKING = frozenset({"masked_fill", "masked_fill_", "where", "add", "add_", "sub", "sub_", "baddbmm"})
_DEVICE = torch.ops.prim.device.default
_MARK = "_attnprobe_tensor"


class Capture:
    """Writes down what runs inside `with capture:`.

    Args:
        model: Names for its modules, parameters and buffers.
        with_lines: Whether to look up the user's line of each forward op.
        twins: Storages that stand for another one (`FakeWorld.twins`).
    """

    def __init__(
        self, model: nn.Module, *, with_lines: bool = True, twins: Mapping[int, int] | None = None
    ) -> None:
        self.ops: list[Op] = []
        self.tensors: list[Tensor] = []
        self.storages = Storages({} if twins is None else twins)
        self.modules = ModuleStack(model)
        self.is_backward = False  # set once the backward pass starts
        self._model = model
        self._dispatch = Dispatched(self._run)
        self._functions = _Functions()
        self._lines = Lines() if with_lines else None
        self._masks = MaskReader()
        self._marked: list[torch.Tensor] = []
        self._node_ops: dict[int, int] = {}  # autograd sequence number -> first forward op of that node
        self._first_sequence = _next_sequence()
        # (module, call, op name, how-manieth of that name in the call) -> forward op
        self._ordinals: dict[tuple[str, int, str, int], int] = {}
        self._filled: dict[int, int] = {}  # storage -> a tensor on it through which computed data was written
        self._stack = ExitStack()

    def __enter__(self) -> Capture:
        self._name_tensors()
        for part in (self.modules, self._functions, self._dispatch):
            self._stack.enter_context(part)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()
        self.storages.close()
        for tensor in self._marked:
            if hasattr(tensor, _MARK):
                delattr(tensor, _MARK)

    def name_input(self, name: str, tensor: torch.Tensor, *, steers: bool) -> None:
        """Give an input its name before the run."""
        self._origin(tensor, f"input:{name}", needs_weights=not steers)

    def id_of(self, tensor: torch.Tensor) -> int | None:
        """The id of a tensor that was seen, else None."""
        mark = getattr(tensor, _MARK, None)
        return mark[1] if mark is not None and mark[0] is self else None

    def _name_tensors(self) -> None:
        for name, parameter in self._model.named_parameters():
            self._origin(parameter, f"parameter:{name}", needs_weights=True)
        for name, buffer in self._model.named_buffers():
            self._origin(buffer, f"buffer:{name}", needs_weights=False)

    def _origin(self, tensor: torch.Tensor, origin: str, *, needs_weights: bool) -> None:
        if self.id_of(tensor) is None:
            number = self._new_tensor(tensor, origin, needs_weights, is_new=False)
            self._marked.append(tensor)
            self.tensors[number].origin = origin

    def _new_tensor(self, tensor: torch.Tensor, origin: str, needs_weights: bool, *, is_new: bool) -> int:
        number = len(self.tensors)
        storage, size = self.storages.number(tensor, is_new=is_new)
        self.tensors.append(
            Tensor(
                number,
                tuple(tensor.shape),
                str(tensor.dtype).removeprefix("torch."),
                tensor.element_size(),
                storage,
                size,
                origin,
                needs_weights,
                origin.startswith("input:"),
                _scalar_value(tensor) if not needs_weights and tensor.dim() == 0 else None,
            )
        )
        setattr(tensor, _MARK, (self, number))
        return number

    def _run(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if func is _DEVICE:  # asked for at every tensor.device: answered without a dispatch
            return args[0].fake_device if isinstance(args[0], FakeTensor) else func(*args)
        return self.record(func, args, kwargs)

    def record(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Run one op and write it down. Called for every dispatched op."""
        schema = func._schema
        if schema.name in SILENT_OPS:
            return func(*args, **kwargs)
        index = self.storages.op = len(self.ops)
        inputs: list[torch.Tensor] = []
        arguments = tuple(self._argument(value, inputs) for value in args)
        keywords = {name: self._argument(value, inputs) for name, value in kwargs.items()} if kwargs else {}
        input_ids = tuple(self.id_of(tensor) or 0 for tensor in inputs)
        phase, sequence, forward_op = self._autograd_position()
        name, call = self.modules.current
        if phase == "recompute":
            forward_op = self._repeated_op(name, call, str(func), forward_op)
        mask, zeroing = None, None
        if phase == "forward":
            mask, zeroing = self._read_masks(schema.name, args, kwargs, inputs, input_ids)
        op = Op(
            index,
            str(func),
            self._functions.current,
            phase,
            arguments,
            keywords,
            input_ids,
            (),
            name,
            call,
            self._lines.here() if self._lines is not None and phase == "forward" else None,
            sequence,
            forward_op,
            (),
            mask,
            zeroing,
        )
        self.ops.append(op)
        result = func(*args, **kwargs)
        needs_weights = any(self.tensors[number].needs_weights for number in input_ids)
        from_input = any(self.tensors[number].from_input for number in input_ids)
        op.outputs = tuple(self._output(tensor, inputs, needs_weights) for tensor in flat_tensors(result))
        if schema.is_mutable:
            op.writes = self._written(schema, args, kwargs)
        for number in (*op.outputs, *op.writes) if needs_weights or from_input else ():
            self._mark_computed(self.tensors[number], needs_weights, from_input)
        for number in op.writes if needs_weights or from_input else ():
            self._filled[self.tensors[number].storage] = number
        if phase == "forward":
            self._index_forward(op)
        elif phase == "recompute" and sequence >= self._first_sequence:
            self._node_ops.setdefault(sequence, index if forward_op is None else forward_op)
        return result

    def _argument(self, value: Any, inputs: list[torch.Tensor]) -> Any:
        if isinstance(value, torch.Tensor):
            number = self.id_of(value)
            is_outside = number is None
            if number is None:
                number = self._new_tensor(value, "", value.requires_grad, is_new=False)
            if value.requires_grad and (is_outside or not self.tensors[number].needs_weights):
                self._mark_unregistered(value, self.tensors[number])
            inputs.append(value)
            source = self._filled.get(self.tensors[number].storage)
            if source is not None:
                self._mark_computed(
                    self.tensors[number], self.tensors[source].needs_weights, self.tensors[source].from_input
                )
            return Ref(number)
        if isinstance(value, (list, tuple)):
            return tuple(self._argument(item, inputs) for item in value)
        if isinstance(value, (int, float, bool, str)) or value is None:
            return value
        return str(value)

    def _mark_unregistered(self, value: torch.Tensor, tensor: Tensor) -> None:
        """A leaf that asks for a gradient and was made of no input is a weight that the model does not have.

        Views of weights, which without gradients look like leaves, are computed from weights. While the
        backward pass recomputes, checkpoints make leaves of their own.
        """
        if not tensor.origin and value.is_leaf and not tensor.from_input and not self.is_backward:
            tensor.origin, tensor.needs_weights = _UNREGISTERED, True

    @staticmethod
    def _mark_computed(tensor: Tensor, needs_weights: bool, from_input: bool) -> None:
        tensor.needs_weights |= needs_weights
        tensor.from_input |= from_input

    def _output(self, tensor: torch.Tensor, inputs: list[torch.Tensor], needs_weights: bool) -> int:
        known = self.id_of(tensor) if any(tensor is given for given in inputs) else None
        shape = tuple(tensor.shape)
        if known is not None and self.tensors[known].shape == shape:  # not so after transpose_ and the like
            return known
        return self._new_tensor(tensor, "", needs_weights, is_new=True)

    def _autograd_position(self) -> tuple[Phase, int, int | None]:
        node = torch._C._current_autograd_node()
        if node is None and self.is_backward:
            return "backward", -1, None
        if node is None:  # the sequence is, without gradients, that of a custom Function's node, if any
            return "forward", _next_sequence() - 1, None
        forward_op = self._node_ops.get(node._sequence_nr())
        if torch.is_grad_enabled():
            return "recompute", _next_sequence() - 1, forward_op
        return "backward", node._sequence_nr(), forward_op

    def _index_forward(self, op: Op) -> None:
        if op.sequence >= self._first_sequence:
            self._node_ops.setdefault(op.sequence, op.index)
        self._ordinals[op.module, op.call, op.name, self.modules.count_op(op.name)] = op.index

    def _repeated_op(self, module: str, call: int, name: str, fallback: int | None) -> int | None:
        ordinal = self.modules.count_op(name)
        if not self.modules.is_inside:
            return fallback
        return self._ordinals.get((module, call, name, ordinal), fallback)

    def _read_masks(
        self,
        name: str,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        inputs: list[torch.Tensor],
        ids: tuple[int, ...],
    ) -> tuple[MaskSummary | None, MaskSummary | None]:
        """The masks by which an op hides scores, and sets entries to zero."""
        short = name.removeprefix("aten::")
        hides = short in _MASKING or short.startswith("_scaled_dot_product")
        if len(inputs) < 2 or not (hides or short in _ZEROING):
            return None, None
        pairs = zip(inputs, ids, strict=True)
        steering = [tensor for tensor, number in pairs if not self.tensors[number].needs_weights]
        if not steering or len(steering) == len(inputs):
            return None, None
        return (
            self._masks.read(short, args, kwargs, steering) if hides else None,
            self._masks.read_zeroing(short, args, steering) if short in _ZEROING else None,
        )

    def _written(self, schema: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[int, ...]:
        written: list[int] = []
        for position, argument in enumerate(schema.arguments):
            if argument.alias_info is not None and argument.alias_info.is_write:
                value = args[position] if position < len(args) else kwargs.get(argument.name)
                written += [number for t in flat_tensors(value) if (number := self.id_of(t)) is not None]
        return tuple(written)


class _Functions(TorchFunctionMode):
    """Remembers the torch function through which the user's code came."""

    def __init__(self) -> None:
        super().__init__()
        self.current = ""

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        outer, self.current = self.current, self.current or getattr(func, "__name__", "")
        try:
            return func(*args, **(kwargs or {}))
        finally:
            self.current = outer


def _scalar_value(tensor: torch.Tensor) -> float | None:
    if isinstance(tensor, FakeTensor) or tensor.device.type != "cpu" or tensor.is_complex():
        return None
    return float(tensor)


def _next_sequence() -> int:
    return int(torch.autograd._get_sequence_nr())  # type: ignore[attr-defined]
