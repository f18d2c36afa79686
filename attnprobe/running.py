"""How the model is run: forward, loss, backward. The same for a capture and for a measurement."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch

from attnprobe.errors import ModelError
from attnprobe.records import LoadedModel

# State for the next call, not a result.
_SKIPPED_OUTPUTS = frozenset({"past_key_values", "mems", "cache_params"})


def forward(model: LoadedModel) -> Any:
    """Call the model on its inputs.

    Raises:
        ModelError: The forward raised; names the error and the user's own line.
    """
    return _guarded(lambda: model.module(*model.args, **model.kwargs), "the forward pass failed")


PROJECTION = "a fixed random projection of the output"


def backward(loss: torch.Tensor) -> None:
    """Run the backward pass.

    Raises:
        ModelError: The backward raised.
    """
    _guarded(loss.backward, "the backward pass failed")


def loss_of(model: LoadedModel, outputs: Any, seed: int) -> tuple[torch.Tensor | None, str]:
    """The scalar to differentiate, and where it comes from.

    Order: the user's `loss(outputs, inputs)`; the model's own `outputs.loss`; a fixed random projection.
    None when nothing in the outputs can be differentiated.
    """
    if model.loss is not None:
        user_loss, inputs = model.loss, _loss_inputs(model)
        return _guarded(lambda: user_loss(outputs, inputs), "loss(outputs, inputs) failed"), "given"
    own = getattr(outputs, "loss", None)
    if isinstance(own, torch.Tensor) and own.requires_grad and own.numel() == 1:
        return own.reshape(()), "the model's own"
    differentiable = [t for t in output_tensors(outputs) if t.is_floating_point() and t.requires_grad]
    if not differentiable:
        return None, "none: no output depends on a trainable parameter"
    total = sum((_projection(tensor, seed) for tensor in differentiable), start=torch.zeros(()))
    return total, f"{PROJECTION} (seed {seed})"


def _loss_inputs(model: LoadedModel) -> Any:
    """The whole batch where it holds more than the model's inputs, else these; one positional one alone."""
    if model.loss_inputs:
        return model.loss_inputs[0]
    inputs = model.kwargs if model.kwargs and not model.args else model.args
    return inputs[0] if isinstance(inputs, tuple) and len(inputs) == 1 else inputs


def _projection(tensor: torch.Tensor, seed: int) -> torch.Tensor:
    """Mean over positions of sign(position) · (output @ direction).

    tensor [..., E] -> []. Every element has a weight of its own, from O(rows + width) random numbers.
    """
    generator = torch.Generator().manual_seed(seed)
    width = tensor.shape[-1] if tensor.dim() else 1
    rows = tensor.reshape(-1, width) if tensor.dim() else tensor.reshape(1, 1)

    def drawn(count: int) -> torch.Tensor:
        return torch.randn(count, generator=generator, dtype=torch.float32).to(tensor.device, tensor.dtype)

    direction, signs = drawn(width), drawn(rows.shape[0]).sign()
    projected = torch.mv(rows, direction)  # [rows]
    return (projected * signs).mean().float().cpu()


def output_tensors(value: Any, _inside: frozenset[int] = frozenset()) -> Iterator[torch.Tensor]:
    """Every tensor in nested outputs, in order; caches for the next call are left out, cycles are cut."""
    if id(value) in _inside:
        return
    inside = _inside | {id(value)}
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, Mapping):
        for name, item in value.items():
            if name not in _SKIPPED_OUTPUTS:
                yield from output_tensors(item, inside)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from output_tensors(item, inside)
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        for field in dataclasses.fields(value):
            if field.name not in _SKIPPED_OUTPUTS:
                yield from output_tensors(getattr(value, field.name), inside)


def _guarded(call: Callable[[], Any], what: str) -> Any:
    try:
        return call()
    except ModelError:
        raise
    except Exception as error:
        raise ModelError(
            f"{what}: {type(error).__name__}: {first_line(error)}",
            hint="Check the inputs: give `example_inputs()` beside the model, or --input NAME:DTYPE[SHAPE].",
            location=user_line(error),
        ) from error


def first_line(error: BaseException) -> str:
    """The first line of an error's text, cut at 300 characters; also of an error that cannot be printed."""
    try:
        text = str(error)
    except Exception:
        return "(its message cannot be printed)"
    return text.strip().split("\n", 1)[0][:300]


def user_line(error: BaseException) -> str:
    """file:line of the error's innermost frame that is neither torch's nor ours; "" when there is none."""
    found = ""
    trace = error.__traceback__
    while trace is not None:
        name = trace.tb_frame.f_code.co_filename
        if "/torch/" not in name and "/attnprobe/" not in name and not name.startswith("<"):
            found = f"{name}:{trace.tb_lineno}"
        trace = trace.tb_next
    return found
