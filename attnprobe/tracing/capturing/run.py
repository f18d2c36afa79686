"""One captured step of a model: forward, loss, backward."""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any

import torch

from attnprobe import running
from attnprobe.borrowing import borrowed
from attnprobe.fake_tensors import FakeWorld, steers
from attnprobe.records import LoadedModel, MemoryEvent, Op, Tensor
from attnprobe.tracing.capturing.capture import Capture


@dataclass(slots=True, kw_only=True)
class Captured:
    """What a captured step leaves behind."""

    ops: tuple[Op, ...]
    tensors: tuple[Tensor, ...]
    events: tuple[MemoryEvent, ...]
    forward_end: int
    loss_end: int
    output_storages: frozenset[int]
    loss: str
    seconds: float


def capture_step(
    model: LoadedModel, *, train: bool, backward: bool, seed: int, with_lines: bool = True
) -> Captured:
    """Run the model once and write down every op. The model is given back as it was.

    A fake model runs in its world; a real one is borrowed by a world of its own when `model.is_fake` is set,
    and runs for real otherwise.

    Raises:
        ModelError: The forward or the backward raised.
    """
    started = time.perf_counter()
    with ExitStack() as stack:
        stack.enter_context(borrowed(model.module, train=train))
        world = (model.fake_world or FakeWorld()) if model.is_fake else None
        if world is not None:
            model = _entered(world, model, stack)
        capture = Capture(model.module, with_lines=with_lines, twins=world.twins if world else None)
        _name_inputs(capture, model)
        stack.enter_context(torch.set_grad_enabled(backward))
        stack.enter_context(capture)
        outputs = running.forward(model)
        forward_end = len(capture.ops)
        kept = frozenset(_storages(capture, outputs))
        loss, loss_origin = None, "no backward asked for"
        if backward:
            loss, loss_origin = running.loss_of(model, outputs, seed)
        loss_end = len(capture.ops)
        capture.storages.op = loss_end
        del outputs
        if loss is not None:
            capture.is_backward = True
            running.backward(loss)
    return Captured(
        ops=tuple(capture.ops),
        tensors=tuple(capture.tensors),
        events=tuple(capture.storages.events),
        forward_end=forward_end,
        loss_end=loss_end,
        output_storages=kept,
        loss=loss_origin,
        seconds=time.perf_counter() - started,
    )


def _entered(world: FakeWorld, model: LoadedModel, stack: ExitStack) -> LoadedModel:
    stack.enter_context(world.borrow(model.module))
    stack.enter_context(world)
    return replace(model, args=world.inputs(model.args), kwargs=world.inputs(model.kwargs))


def _name_inputs(capture: Capture, model: LoadedModel) -> None:
    for name, value in (*((str(i), v) for i, v in enumerate(model.args)), *model.kwargs.items()):
        for path, tensor in _named_tensors(name, value):
            capture.name_input(path, tensor, steers=steers(tensor))


def _named_tensors(name: str, value: Any) -> list[tuple[str, torch.Tensor]]:
    if isinstance(value, torch.Tensor):
        return [(name, value)]
    items: Any = ()
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, (list, tuple)):
        items = enumerate(value)
    return [pair for key, item in items for pair in _named_tensors(f"{name}.{key}", item)]


def _storages(capture: Capture, outputs: Any) -> list[int]:
    ids = (capture.id_of(tensor) for tensor in running.output_tensors(outputs))
    return [capture.tensors[number].storage for number in ids if number is not None]
