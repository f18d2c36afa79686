"""The user's model is borrowed: what a run may change is given back bit-identical, also when it raises."""

from __future__ import annotations

import gc
import random
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import nn

_COPY_LIMIT = 2**31  # bytes of parameters copied, to notice a forward that writes into its own weights


@contextmanager
def borrowed(module: nn.Module, *, train: bool) -> Iterator[None]:
    """Run the body; after it, parameters, buffers, gradients, hooks, flags, attributes and RNG are as before.

    Inside, gradients start at None, every module is in train or eval mode as asked, and the fused fast path
    of `nn.MultiheadAttention`, which hides its parts, is off.
    """
    with ExitStack() as stack:
        stack.enter_context(_random_state())
        stack.enter_context(_process_flags())
        stack.enter_context(_uncompiled(module))
        stack.enter_context(_attributes(module))
        stack.enter_context(_tensors(module))
        stack.enter_context(_training(module, train))
        yield


@contextmanager
def with_garbage_collection() -> Iterator[None]:
    """The collector runs in the body, as it does in the user's own process."""
    was_on = gc.isenabled()
    gc.enable()
    try:
        yield
    finally:
        if not was_on:
            gc.disable()


@contextmanager
def without_garbage_collection() -> Iterator[None]:
    """Reference counts alone free memory: when something dies depends on the run, not on the collector."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


@contextmanager
def _training(module: nn.Module, train: bool) -> Iterator[None]:
    flags = [(part, part.training) for part in module.modules()]
    try:
        for part, _ in flags:
            part.training = train  # not module.train(): a user's override may do more than set the flag
        yield
    finally:
        for part, flag in flags:
            part.training = flag


@contextmanager
def _uncompiled(module: nn.Module) -> Iterator[None]:
    """Compiled parts run as what they were compiled from: a compiler would not see what watches the run."""
    if not any(hasattr(part, "_orig_mod") for part in module.modules()):
        yield
        return
    with warnings.catch_warnings(), torch.compiler.set_stance("force_eager"):
        warnings.filterwarnings(
            "ignore", message="Using `torch.compile\\(module\\)` when there are global hooks"
        )
        yield


@contextmanager
def _random_state() -> Iterator[None]:
    python, cpu = random.getstate(), torch.get_rng_state()
    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
    numpy_random = _numpy_random()
    numpy_state = numpy_random.get_state() if numpy_random else None
    try:
        yield
    finally:
        random.setstate(python)
        torch.set_rng_state(cpu)
        if cuda:
            torch.cuda.set_rng_state_all(cuda)
        if numpy_random:
            numpy_random.set_state(numpy_state)


def _numpy_random() -> Any:
    import sys

    return sys.modules["numpy"].random if "numpy" in sys.modules else None


@contextmanager
def _process_flags() -> Iterator[None]:
    fast = torch.backends.mha.get_fastpath_enabled()
    grad, dtype = torch.is_grad_enabled(), torch.get_default_dtype()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
        torch.set_grad_enabled(grad)
        torch.set_default_dtype(dtype)


@contextmanager
def _attributes(module: nn.Module) -> Iterator[None]:
    """Plain attributes (caches, counters, hook tables, lists) of every module, one level into containers."""
    saved = [(part, dict(part.__dict__)) for part in module.modules()]
    containers = [
        (value, value.copy())
        for _, attributes in saved
        for value in attributes.values()
        if isinstance(value, (list, dict, set))
    ]
    try:
        yield
    finally:
        for part, attributes in saved:
            part.__dict__.clear()
            part.__dict__.update(attributes)
        for value, before in containers:
            value.clear()
            value.extend(before) if isinstance(value, list) else value.update(before)


@contextmanager
def _tensors(module: nn.Module) -> Iterator[None]:
    """Values and gradients of parameters, buffers, and leaf tensors kept outside `parameters()`."""
    tensors = {id(tensor): tensor for part in module.modules() for tensor in _tensors_of(part)}
    gradients = [(tensor, tensor.grad) for tensor in tensors.values() if tensor.is_leaf]
    buffers = {id(buffer) for buffer in module.buffers()}
    small = sum(tensor.nbytes for tensor in tensors.values()) <= _COPY_LIMIT
    copies = [
        (tensor, tensor.detach().clone())
        for key, tensor in tensors.items()
        if (small or key in buffers) and _is_plain(tensor)
    ]
    try:
        for tensor, _ in gradients:
            tensor.grad = None
        yield
    finally:
        for tensor, gradient in gradients:
            tensor.grad = gradient
        with torch.no_grad():
            for tensor, before in copies:
                if not _same_bits(tensor, before):
                    tensor.data.copy_(before)


def _tensors_of(part: nn.Module) -> Iterator[torch.Tensor]:
    for value in part.__dict__.values():
        if isinstance(value, dict):
            value = tuple(value.values())
        items = value if isinstance(value, (list, tuple)) else (value,)
        yield from (item for item in items if isinstance(item, torch.Tensor))


def _is_plain(tensor: torch.Tensor) -> bool:
    return type(tensor) in (torch.Tensor, nn.Parameter, nn.Buffer) and tensor.device.type != "meta"


def _same_bits(one: torch.Tensor, other: torch.Tensor) -> bool:
    """Compared as bytes, since NaN is not equal to itself; by value where the bytes are no plain stretch."""
    if one.shape != other.shape:
        return False
    if one.numel() and one.is_contiguous():
        one, other = (tensor.detach().view(-1).view(torch.uint8) for tensor in (one, other))
    return torch.equal(one, other)
