"""A world in which big tensors have shapes but no memory, and small ones that steer the model stay real.

Under torch's FakeTensorMode alone everything is fake, so a model that asks `mask.all()` or
`positions.max().item()` fails or takes another path. Here an op runs for real while all its inputs are real
and its result is small: token ids, masks, positions, drop-path schedules. Whatever touches a weight or a
floating input is fake. So control flow takes the path of a real run, masks keep their values, and a 405B
model needs no memory.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from math import prod
from types import TracebackType
from typing import Any

import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map_only

from attnprobe.errors import ModelError
from attnprobe.fake_shortcuts import FakeShortcuts

REAL_BYTES = 128 * 2**20  # a result of real tensors stays real up to here
WEIGHT_BYTES = 2**20  # an `empty` or random tensor (a weight, usually) stays real up to here

_UNINITIALISED = {"empty", "empty_strided", "new_empty", "new_empty_strided", "empty_like"}
_WEIGHT_FACTORIES = frozenset({*_UNINITIALISED, "rand", "randn", "rand_like", "randn_like"})
_FILLED = {"zeros", "ones", "full", "new_zeros", "new_ones", "new_full", "eye"}
_SIZED_FACTORIES = frozenset({*_WEIGHT_FACTORIES, *_FILLED, "repeat", "expand"})
_FAKE_LOGGER = logging.getLogger("torch._subclasses.fake_tensor")
_GROUPED_MM = getattr(torch.ops.aten, "_grouped_mm", None) and torch.ops.aten._grouped_mm.default
_DEVICE = torch.ops.prim.device.default  # asked for at every tensor.device: answered without a dispatch
_MANY_BYTES = 8  # an upper bound for the size of one element


class FakeWorld:
    """One consistent set of fake tensors. Tensors of two worlds do not mix.

    `with world:` runs whatever is inside under the rule above. Entering it again is harmless.
    """

    def __init__(self) -> None:
        self.mode = FakeTensorMode(allow_non_fake_inputs=True)
        self._dispatch = _RealWhileSmall(self.mode)
        self._from_metas: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}  # id -> (meta tensor, its fake)
        self._depth = 0
        self._level = logging.NOTSET
        self._patches = ExitStack()

    def __enter__(self) -> FakeWorld:
        if self._depth == 0:
            self._patches.enter_context(_torch_code_that_looks_at_values())
            self._level = _FAKE_LOGGER.level
            _FAKE_LOGGER.setLevel(logging.CRITICAL)  # torch logs a traceback for what is raised anyway
            self._dispatch.__enter__()  # type: ignore[no-untyped-call]
        self._depth += 1
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._depth -= 1
        if self._depth == 0:
            self._dispatch.__exit__(kind, error, trace)  # type: ignore[no-untyped-call]
            _FAKE_LOGGER.setLevel(self._level)
            self._patches.close()

    @property
    def twins(self) -> dict[int, int]:
        """Addresses of fake storages that stand for real ones into which fake data was written."""
        return self._dispatch.twins

    def fake(self, tensor: torch.Tensor) -> torch.Tensor:
        """A tensor of the same shape, dtype and requires_grad without memory; one fake per tensor."""
        if isinstance(tensor, FakeTensor):
            return tensor
        if tensor.device.type == "meta":
            return self._from_meta(tensor)
        fake: torch.Tensor = self.mode.from_tensor(tensor)
        return fake

    def _from_meta(self, tensor: torch.Tensor) -> torch.Tensor:
        """A fake on the CPU for a tensor that has no device of its own."""
        known = self._from_metas.get(id(tensor))
        if known is None:
            with self.mode:
                empty = torch.empty_strided(tensor.shape, tensor.stride(), dtype=tensor.dtype, device="cpu")
            is_weight = isinstance(tensor, nn.Parameter)
            fake = nn.Parameter(empty, tensor.requires_grad) if is_weight else empty
            known = self._from_metas[id(tensor)] = (tensor, fake)
        return known[1]

    def adopt(self, module: nn.Module) -> None:
        """Replace every parameter, and every buffer too big to stay real, by a fake one. Ties are kept."""
        for owner in module.modules():
            tables: tuple[dict[str, Any], ...] = (owner._parameters, owner._buffers)
            for registered in tables:
                for name, tensor in registered.items():
                    if tensor is not None and not self._stays_real(tensor):
                        registered[name] = self.fake(tensor)

    @contextmanager
    def borrow(self, module: nn.Module) -> Iterator[nn.Module]:
        """Run the body with fakes in place of the module's tensors; then the very same objects are back.

        Raises:
            ModelError: The module holds TorchScript, whose tensors cannot be replaced.
        """
        if any(isinstance(part, torch.jit.ScriptModule) for part in module.modules()):
            raise ModelError("the model holds TorchScript, whose weights cannot be replaced by fakes")
        owners = [(owner, dict(owner._parameters), dict(owner._buffers)) for owner in module.modules()]
        copies: dict[int, torch.Tensor] = {}
        try:
            for owner, _, buffers in owners:
                for name, buffer in buffers.items():
                    if buffer is not None and not isinstance(buffer, FakeTensor) and self._stays_real(buffer):
                        owner._buffers[name] = copies.setdefault(id(buffer), buffer.detach().clone())
            self.adopt(module)
            yield module
        finally:
            for owner, parameters, buffers in owners:
                owner._parameters.update(parameters)
                owner._buffers.update(buffers)

    def inputs(self, value: Any) -> Any:
        """The same nested inputs with floating tensors fake; ids, masks and what else steers stay real."""
        return tree_map_only(torch.Tensor, lambda t: t if steers(t) else self.fake(t), value)

    @staticmethod
    def _stays_real(tensor: torch.Tensor) -> bool:
        is_small = tensor.device.type != "meta" and tensor.nbytes <= REAL_BYTES
        return is_small and not isinstance(tensor, nn.Parameter)


class _RealWhileSmall(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Sends an op to the fake mode when it touches a fake or would be big, and runs it for real otherwise."""

    def __init__(self, fake_mode: FakeTensorMode) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.fake_mode = fake_mode
        self._shortcuts = FakeShortcuts(fake_mode)
        self.twins: dict[int, int] = {}  # address of a fake storage -> of the real one that it stands for
        # Real storages into which fake data was written, by address, with their twins: both are kept alive.
        self._written: dict[int, tuple[torch.UntypedStorage, torch.Tensor]] = {}

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Spare torch's wrapper round every dispatch: nothing is compiled inside this mode."""
        return False

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func is _DEVICE:
            return args[0].fake_device if isinstance(args[0], FakeTensor) else func(*args)
        kwargs = kwargs or {}
        tensors = [*_tensors(args), *_tensors(kwargs.values())]
        if not self._is_fake(tensors) and not _would_be_big(func, args, kwargs, tensors):
            return func(*args, **kwargs)
        if func._schema.is_mutable and tensors:
            return self._write(func, types, args, kwargs)
        if func is _GROUPED_MM:
            return self._grouped_mm(*args, **kwargs)
        return self._shortcuts.run(func, types, args, kwargs)

    def _grouped_mm(self, left: torch.Tensor, right: torch.Tensor, *rest: Any, **named: Any) -> torch.Tensor:
        """The shape of torch's grouped matmul, whose own fake kernel accepts bfloat16 alone.

        [M, K] x [G, K, N]           -> [M, N]
        [G, M, K] x [G, K, N]        -> [G, M, N]
        [M, K] x [K, N] with offsets -> [G, M, N]
        """
        offsets = rest[0] if rest else named.get("offs")
        dtype = named.get("out_dtype") or left.dtype
        rows = left.shape[:-1]
        groups = (offsets.shape[0],) if left.dim() == right.dim() == 2 and offsets is not None else ()
        with self.fake_mode:
            return torch.empty((*groups, *rows, right.shape[-1]), dtype=dtype, device=left.device)

    def _is_fake(self, tensors: list[torch.Tensor]) -> bool:
        if any(isinstance(tensor, FakeTensor) for tensor in tensors):
            return True
        return bool(self._written) and any(
            tensor.untyped_storage().data_ptr() in self._written for tensor in tensors
        )

    def _write(self, func: Any, types: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Run an op that writes; one that writes into its first argument returns that very tensor."""
        self._taint(func, args, kwargs)
        result = self._shortcuts.run(func, types, args, kwargs)
        is_in_place = func._schema.name.endswith("_") and isinstance(result, torch.Tensor)
        return args[0] if is_in_place and not isinstance(args[0], FakeTensor) else result

    def _taint(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Fake data is about to be written into real tensors: from now on these count as fake."""
        for position, argument in enumerate(func._schema.arguments):
            if argument.alias_info is None or not argument.alias_info.is_write:
                continue
            value = args[position] if position < len(args) else kwargs.get(argument.name)
            for tensor in _tensors((value,)):
                if not isinstance(tensor, FakeTensor):
                    storage = tensor.untyped_storage()
                    twin = self.fake_mode.from_tensor(tensor)
                    self._written[storage.data_ptr()] = (storage, twin)
                    self.twins[twin.untyped_storage()._cdata] = storage._cdata


@contextmanager
def _torch_code_that_looks_at_values() -> Iterator[None]:
    """What in torch's Python code fails on fakes: an init that draws until all is in range, and `.to()`."""
    draw, apply = torch.nn.init._no_grad_trunc_normal_, nn.Module._apply

    def trunc_normal(tensor: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:
        drawn: torch.Tensor = tensor if isinstance(tensor, FakeTensor) else draw(tensor, *args, **kwargs)
        return drawn

    def apply_to_fakes(module: nn.Module, change: Any, recurse: bool = True) -> nn.Module:
        if not any(isinstance(parameter, FakeTensor) for parameter in module.parameters(recurse=recurse)):
            applied: nn.Module = apply(module, change, recurse)  # type: ignore[no-untyped-call]
            return applied
        for owner in module.modules() if recurse else (module,):
            tables: tuple[dict[str, Any], ...] = (owner._parameters, owner._buffers)
            for registered in tables:
                for name, tensor in registered.items():
                    if tensor is None:
                        continue
                    changed = change(tensor)
                    if isinstance(tensor, nn.Parameter) and changed is not tensor:
                        changed = nn.Parameter(changed, tensor.requires_grad)
                    registered[name] = changed
        return module

    torch.nn.init._no_grad_trunc_normal_ = trunc_normal
    nn.Module._apply = apply_to_fakes  # type: ignore[method-assign]
    try:
        yield
    finally:
        torch.nn.init._no_grad_trunc_normal_ = draw
        nn.Module._apply = apply  # type: ignore[method-assign]


def _tensors(values: Any) -> Iterator[torch.Tensor]:
    for value in values:
        if isinstance(value, torch.Tensor):
            yield value
        elif isinstance(value, (list, tuple)):
            yield from _tensors(value)


def _would_be_big(
    func: Any, args: tuple[Any, ...], kwargs: dict[str, Any], tensors: list[torch.Tensor]
) -> bool:
    """Whether the result of an op on real tensors may exceed what stays real; judged by shapes alone."""
    name = func._schema.name.removeprefix("aten::")
    limit = WEIGHT_BYTES if name in _WEIGHT_FACTORIES else REAL_BYTES
    if name in _SIZED_FACTORIES:
        size = next((a for a in args if isinstance(a, (list, tuple)) and all(type(n) is int for n in a)), ())
        own = prod(tensors[0].shape) if tensors and (name.endswith("_like") or name == "repeat") else 1
        return name != "expand" and prod(size) * own * _itemsize(kwargs, tensors) > limit
    if len(tensors) < 2:
        return False
    rank = max(tensor.dim() for tensor in tensors)
    padded = [(1,) * (rank - tensor.dim()) + tuple(tensor.shape) for tensor in tensors]
    elements: int = prod(max(sizes) for sizes in zip(*padded, strict=True))
    return elements * _MANY_BYTES > 2 * limit


def _itemsize(kwargs: dict[str, Any], tensors: list[torch.Tensor]) -> int:
    dtype = kwargs.get("dtype") or (tensors[0].dtype if tensors else torch.get_default_dtype())
    return int(dtype.itemsize)


def steers(tensor: torch.Tensor) -> bool:
    """Whether an input steers the model (ids, masks) rather than being processed by it."""
    if isinstance(tensor, FakeTensor) or tensor.nbytes > REAL_BYTES:
        return False
    if not tensor.is_floating_point() and not tensor.is_complex():
        return True
    if tensor.numel() == 0 or tensor.requires_grad:
        return False
    values = tensor.detach()
    return bool(((values == 0) | (values == 1) | (values <= -1e4)).all())
