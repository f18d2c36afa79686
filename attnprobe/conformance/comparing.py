"""How far two tensors are apart, and the sentence about it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from attnprobe.attention.foundation.masks import Mask
from attnprobe.conformance.specimens import Specimen

_FLOOR = 0.1  # differences are never held against less than this: a gradient that vanishes is only noise


def differences(case: str, found: Tensor, expected: Tensor, tolerance: float) -> Iterator[str]:
    """One sentence if they differ by more than `tolerance` of the largest entry expected."""
    if found.shape != expected.shape:
        yield f"{case}: {list(found.shape)} instead of {list(expected.shape)}"
        return
    distance = relative(found, expected)
    if not distance <= tolerance:  # NaN is no pass
        yield f"{case}: differs by {distance:.3g}, allowed {tolerance:.1g}"


def relative(found: Tensor, expected: Tensor) -> float:
    """Largest difference over the largest entry expected."""
    if expected.numel() == 0:
        return 0.0
    expected = expected.detach().double()
    scale = max(expected.abs().max().item(), _FLOOR)
    return (found.detach().double() - expected).abs().max().item() / scale


def gradients(out: Tensor, leaves: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """d (r·out) / d leaf for a fixed random r; zeros where there is no path."""
    generator = torch.Generator().manual_seed(99)
    direction = torch.randn(out.shape, generator=generator).to(out)
    if not out.requires_grad:
        return tuple(torch.zeros_like(leaf) for leaf in leaves)
    found = torch.autograd.grad(out, leaves, direction, allow_unused=True)
    return tuple(
        torch.zeros_like(leaf) if one is None else one for leaf, one in zip(leaves, found, strict=True)
    )


def with_gradients(
    specimen: Specimen, copy: nn.Module, inputs: tuple[Tensor, ...], mask: Mask, *, plain: bool = False
) -> dict[str, Tensor] | None:
    """Output and all gradients by name; None where there is no reference."""
    leaves = {f"input {number}": each.detach().requires_grad_() for number, each in enumerate(inputs)}
    call: Any = specimen.reference if plain else specimen.run
    out = call(copy, tuple(leaves.values()), mask)
    if out is None:
        return None
    leaves |= {name: each for name, each in copy.named_parameters() if each.requires_grad}
    found = gradients(out, tuple(leaves.values()))
    return {"output": out} | {f"gradient of {name}": one for name, one in zip(leaves, found, strict=True)}
