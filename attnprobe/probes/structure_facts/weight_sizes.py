"""Sizes of the weights of queries and keys."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor, nn

from attnprobe.probes.gradient_flow.blocks import weights_of
from attnprobe.probes.gradient_flow.layouts import layouts
from attnprobe.records import Trace


@dataclass(frozen=True, slots=True)
class Sizes:
    """Of one site."""

    ratio: float  # rms(W_Q) / rms(W_K)
    gain: float  # rms(W_Q) · rms(W_K) · E
    row_spread: float  # std / mean of the rows' norms, 1 for normal draws


def sizes_of(trace: Trace, site: int, parameters: Mapping[str, nn.Parameter]) -> Sizes | str:
    """The sizes, or why they are not known."""
    found: list[Tensor] = []
    for role in ("query", "key"):
        cut = layouts(trace, trace.sites[site], role)
        weight = weights_of(parameters, cut) if cut else None
        if weight is None:
            return f"the weights of its {role} projection could not be told"
        if any(len(trace.parameters[layout.parameter][0]) > 3 for layout in cut):
            return "its queries and keys are made by a convolution"
        if not bool((weight != 0).any()):
            return f"the weights of its {role} projection are zero"
        found.append(weight.detach().float().flatten(0, 1))  # [rows, E]
    query, key = (float(weight.square().mean().sqrt()) for weight in found)
    width = float(found[0].shape[1] * found[1].shape[1]) ** 0.5
    return Sizes(query / key, query * key * width, max(map(_row_spread, found)))


def _row_spread(weight: Tensor) -> float:
    """[rows, E] -> std / mean of the norms · √(2 E); 0 for a single row."""
    norms = weight.norm(dim=1)
    if len(norms) < 2:
        return 0.0
    scale: float = (2.0 * weight.shape[1]) ** 0.5
    return float(norms.std() / norms.mean()) * scale
