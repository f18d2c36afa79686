"""Values for a tensor of which only dtype and shape are known."""

from __future__ import annotations

import torch
from torch import nn

from attnprobe.loading.inputs.given import GivenInput
from attnprobe.loading.inputs.sampling import Sampler


def filled(module: nn.Module, item: GivenInput, sampler: Sampler) -> torch.Tensor:
    """Random floats, ids that every table of the model has, True or 1 for masks."""
    if "mask" in item.name or item.dtype is torch.bool:
        return torch.ones(item.shape, dtype=item.dtype)
    if item.dtype.is_floating_point:
        return sampler.floats(*item.shape, dtype=item.dtype)
    if item.dtype.is_complex:
        return torch.complex(
            sampler.floats(*item.shape, dtype=torch.float32), sampler.floats(*item.shape, dtype=torch.float32)
        )
    return sampler.ids(*item.shape, high=min(id_limit(module), torch.iinfo(item.dtype).max)).to(item.dtype)


def id_limit(module: nn.Module) -> int:
    """Rows of the first embedding that is not a table of positions or segments; 2 where there is none.

    Two ids are valid in any table, and 0 and 1 are valid where ids are flags.
    """
    tables = [
        (name, part.num_embeddings) for name, part in module.named_modules() if isinstance(part, nn.Embedding)
    ]
    words = [rows for name, rows in tables if not any(word in name for word in ("pos", "type", "segment"))]
    return (words or [rows for _, rows in tables] or [2])[0]
