"""Norms that neither underflow nor overflow, whatever the dtype."""

from __future__ import annotations

import torch
from torch import Tensor

_SMALLEST, _LARGEST = 1e-12, 1e15  # of an fp32 norm whose squares are still far from the ends of fp32


def norms(blocks: Tensor) -> Tensor:
    """Euclidean norm of each block: [n, …] -> [n] in float64.

    Computed in fp32; in float64 where squares might leave its range, so that 1e-30 is not taken for 0.
    """
    flat = blocks.detach()
    if flat.dtype not in (torch.float32, torch.float64):
        flat = flat.float()
    dims = tuple(range(1, flat.dim()))
    found: Tensor = torch.linalg.vector_norm(flat, dim=dims) if dims else flat.abs()
    if bool(((found < _SMALLEST) | ~(found < _LARGEST)).any()):
        found = torch.linalg.vector_norm(flat.double(), dim=dims) if dims else flat.double().abs()
    return found.double()


def total_norm(tensors: list[Tensor]) -> float:
    """Euclidean norm of many tensors taken as one vector."""
    if not tensors:
        return 0.0
    by_device: dict[tuple[torch.device, torch.dtype], list[Tensor]] = {}
    for tensor in tensors:
        by_device.setdefault((tensor.device, tensor.dtype), []).append(tensor.detach())
    parts = [_each(group).cpu() for group in by_device.values()]
    return float(torch.linalg.vector_norm(torch.cat(parts)))


def _each(tensors: list[Tensor]) -> Tensor:
    """[len(tensors)] in float64."""
    if tensors[0].dtype == torch.float32:
        quick = torch.stack(torch._foreach_norm(tensors)).double()
        if bool(((quick >= _SMALLEST) & (quick < _LARGEST)).all()):
            return quick
    return torch.cat([norms(tensor.reshape(1, -1)) for tensor in tensors])
