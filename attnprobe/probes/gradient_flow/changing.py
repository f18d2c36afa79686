"""Changes of a copy of the model: hooks round the attention's modules, weights drawn anew; all taken back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from math import sqrt
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils._python_dispatch import _disable_current_modes

from attnprobe.errors import ModelError
from attnprobe.probes.gradient_flow.blocks import blocks
from attnprobe.probes.gradient_flow.layouts import Layout, layouts
from attnprobe.probes.gradient_flow.remedy_choice import Change, deepnorm_constants, t_fixup_scale
from attnprobe.records import Trace

Output = Callable[[Tensor, Tensor], Tensor]  # (what came in, what the module gives) -> what it gives now


@contextmanager
def changed(copy: nn.Module, original: nn.Module, trace: Trace, change: Change, seed: int) -> Iterator[None]:
    """The copy is changed in the body; after it, it is as the original again.

    What the hooks compute is hidden from whoever follows the ops of a run: they are still those of the trace.
    """
    layers = sum(site.group == trace.sites[change.sites[0]].group for site in trace.sites)
    with ExitStack() as stack:
        stack.callback(restore, copy, original)
        scale, output = _kind(change.name, layers, is_decoder=bool(trace.sites[change.sites[0]].is_causal))
        if scale is not None:
            _draw(copy, trace, change.sites, scale, seed)
        for index in change.sites:
            module = copy.get_submodule(trace.sites[index].module)
            for handle in _hooks(module, change.name, output):
                stack.callback(handle.remove)
        yield


def restore(copy: nn.Module, original: nn.Module) -> None:
    """Values of all parameters and buffers as in the original, no gradients."""
    pairs = (
        *zip(copy.parameters(), original.parameters(), strict=True),
        *zip(copy.buffers(), original.buffers(), strict=True),
    )
    with torch.no_grad():
        for mine, theirs in pairs:
            mine.copy_(theirs)
            mine.grad = None


def _kind(name: str, layers: int, *, is_decoder: bool) -> tuple[float | None, Output | None]:
    """Factor of fresh value and output weights (None: weights stay), and what becomes of the output."""
    alpha, beta = deepnorm_constants(layers)
    kinds: dict[str, tuple[float | None, Output | None]] = {
        "residual": (None, lambda entered, left: entered + left),
        "pre_normalisation": (None, None),
        "pre_norm_residual": (None, lambda entered, left: entered + left),
        "scaled_residual": (None, lambda entered, left: left / sqrt(layers)),
        "xavier_init": (1.0, None),
        "t_fixup_init": (t_fixup_scale(layers, is_decoder=is_decoder), None),
        # norm(α x + f) = norm(x + f / α): a normalisation does not feel the common factor
        "deepnorm": (beta, lambda entered, left: left / alpha),
    }
    return kinds[name]


def _hooks(module: nn.Module, name: str, output: Output | None) -> Iterator[Any]:
    entered: list[Tensor] = []
    is_normalised = name in ("pre_normalisation", "pre_norm_residual")

    def before(_: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        first = _first(args, kwargs)
        entered[:] = [first]
        if not is_normalised:
            return None
        with _disable_current_modes():
            normalised = F.layer_norm(first, first.shape[-1:])

        def swapped(value: Any) -> Any:
            return normalised if value is first else value

        return tuple(map(swapped, args)), {key: swapped(value) for key, value in kwargs.items()}

    def after(_: nn.Module, args: Any, kwargs: Any, left: Any) -> Any:
        assert output is not None
        own = left[0] if isinstance(left, tuple) else left
        if not isinstance(own, Tensor) or own.shape != entered[0].shape:
            raise ModelError("the attention's module does not give back what has the shape of its input")
        with _disable_current_modes():
            new = output(entered[0], own)
        return (new, *left[1:]) if isinstance(left, tuple) else new

    if is_normalised or output is not None:
        yield module.register_forward_pre_hook(before, with_kwargs=True)
    if output is not None:
        yield module.register_forward_hook(after, with_kwargs=True)


def _first(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor:
    for value in (*args, *kwargs.values()):
        if isinstance(value, Tensor) and value.is_floating_point() and value.dim() > 2:
            return value
    raise ModelError("the attention's module is given no hidden states")


def _draw(copy: nn.Module, trace: Trace, sites: Sequence[int], scale: float, seed: int) -> None:
    """Xavier normal weights for all four projections, those of values and outputs times `scale`."""
    parameters = dict(copy.named_parameters(remove_duplicate=False))
    generator = torch.Generator().manual_seed(seed)
    for index in sites:
        for role in ("query", "key", "value", "output"):
            factor = scale if role in ("value", "output") else 1.0
            for layout in layouts(trace, trace.sites[index], role):
                _fill(parameters[layout.parameter], layout, factor, generator)


def _fill(parameter: nn.Parameter, layout: Layout, factor: float, generator: torch.Generator) -> None:
    cut = blocks(parameter.detach(), layout)  # [heads, features, rest]
    std = factor * sqrt(2 / (cut.shape[0] * cut.shape[1] + cut.shape[2]))
    index = torch.cat([torch.arange(*stretch) for stretch in layout.stretches])
    index = index[index < parameter.shape[layout.rows_dim]]
    shape = list(parameter.shape)
    shape[layout.rows_dim] = len(index)
    drawn = torch.randn(shape, generator=generator).to(parameter.device, parameter.dtype) * std
    with torch.no_grad():
        parameter.index_copy_(layout.rows_dim, index.to(parameter.device), drawn)
