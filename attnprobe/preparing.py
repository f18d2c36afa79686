"""From the traced model to one that can be measured: for real, on its device, if it fits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import psutil
import torch
from torch._subclasses.fake_tensor import FakeTensor
from torch.utils._pytree import tree_map_only

from attnprobe.borrowing import borrowed
from attnprobe.errors import ModelError, UsageError
from attnprobe.records import LoadedModel, ScanOptions

_SHARE_OF_MEMORY = 0.7
_LONGEST_STEP_SECONDS = 30.0
_CPU_FLOPS_PER_SECOND = 2.5e10  # of one core, fp32: a cautious guess, used only to decide whether to try

Known = Mapping[tuple[str, str], float | None]


def choose_device(options: ScanOptions) -> str:
    """Where measured runs happen.

    Raises:
        UsageError: A device that is not there.
    """
    if options.device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if options.device.startswith("cuda") and not torch.cuda.is_available():
        raise UsageError(
            f"--device {options.device}: torch sees no CUDA device here",
            hint="Use --device cpu, or --static.",
        )
    if options.device.split(":")[0] not in ("cpu", "cuda"):
        raise UsageError(f"--device {options.device}: expected auto, cpu or cuda")
    return options.device


def reason_not_to_run(model: LoadedModel, options: ScanOptions, known: Known, device: str) -> str:
    """Why real runs are left out; "" when they are not."""
    if options.static:
        return "a static scan runs nothing for real (--static)"
    if model.is_fake and model.rebuild is None:
        return "the model exists without memory only"
    if any(parameter.is_meta for parameter in model.module.parameters()) and not model.is_fake:
        return "the model's weights are on the meta device: it has shapes only"
    step = known.get(("peak_training_bytes", "")) or known.get(("peak_forward_bytes", "")) or 0.0
    needed = (known.get(("parameter_bytes", "")) or 0.0) * 2 + step
    room = _free_bytes(device) * _SHARE_OF_MEMORY
    if needed > room:
        sizes = f"{needed / 2**30:.1f} GiB, {room / 2**30:.1f} GiB"
        return f"a step is predicted to need {sizes} are at hand on {device}"
    flops = (known.get(("flops_forward", "")) or 0.0) + (known.get(("flops_backward", "")) or 0.0)
    seconds = flops / (_CPU_FLOPS_PER_SECOND * max(torch.get_num_threads(), 1))
    if device == "cpu" and options.device == "auto" and seconds > _LONGEST_STEP_SECONDS:
        return f"a step would take about {seconds:.0f} s on this CPU; --device cpu runs it all the same"
    return ""


def _free_bytes(device: str) -> float:
    if device.startswith("cuda"):
        return float(torch.cuda.mem_get_info()[0])
    return float(psutil.virtual_memory().available)


def real_model(model: LoadedModel, options: ScanOptions) -> LoadedModel | None:
    """The same model with memory; None when there is no way to make it.

    Raises:
        AttnprobeError: The user's constructor raised.
    """
    if not model.is_fake:
        return model
    if model.rebuild is None:
        return None
    generator = torch.Generator().manual_seed(options.seed)

    def real(tensor: torch.Tensor) -> torch.Tensor:
        if not isinstance(tensor, FakeTensor):
            return tensor
        drawn = torch.randn(tuple(tensor.shape), generator=generator, dtype=torch.float32)
        return drawn.to(tensor.dtype)

    args, kwargs, batches = tree_map_only(torch.Tensor, real, (model.args, model.kwargs, model.batches))
    return replace(
        model,
        module=model.rebuild(),
        args=args,
        kwargs=kwargs,
        batches=batches,
        is_fake=False,
        fake_world=None,
    )


@contextmanager
def bring_to_device(model: LoadedModel, device: str, *, train: bool) -> Iterator[LoadedModel]:
    """The model and all its batches on a device, borrowed: given back where and as they were.

    Raises:
        ModelError: The move fails.
    """
    home = next((p.device for p in model.module.parameters()), torch.device("cpu"))
    target = torch.device(device)
    moves = home.type != target.type
    try:
        if moves:
            model.module.to(target)
        place = target if moves else home  # "cuda" alone names no index
        placed = replace(
            model,
            args=_to(model.args, place),
            kwargs=_to(model.kwargs, place),
            batches=_to(model.batches, place),
            loss_inputs=_to(model.loss_inputs, place),
        )
        with borrowed(placed.module, train=train):
            yield placed
    except RuntimeError as error:
        raise ModelError(f"the model does not run on {device}: {str(error).splitlines()[0]}") from error
    finally:
        if moves:
            model.module.to(home)


def _to(value: Any, device: torch.device) -> Any:
    return tree_map_only(torch.Tensor, lambda tensor: tensor.to(device), value)
