"""Cuts a parameter, or its gradient, into the blocks of its heads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from attnprobe.probes.gradient_flow.layouts import Layout


def blocks(tensor: Tensor, layout: Layout) -> Tensor:
    """[…] -> [heads, features of one head, everything else]; a view where memory allows it.

    Features are the rows that make a head's queries, keys or values, or the columns that read its output.
    """
    chosen = _rows(tensor, layout)
    return chosen.movedim(layout.heads_dim, 0).reshape(
        layout.heads, chosen.shape[layout.heads_dim] // layout.heads, -1
    )


def _rows(tensor: Tensor, layout: Layout) -> Tensor:
    size = tensor.shape[layout.rows_dim]
    if len(layout.stretches) == 1:
        start, stop, step = layout.stretches[0]
        if (start, step) == (0, 1) and stop >= size:
            return tensor
        if step == 1:
            return tensor.narrow(layout.rows_dim, start, stop - start)
    index = torch.cat([torch.arange(*stretch) for stretch in layout.stretches])
    return tensor.index_select(layout.rows_dim, index.to(tensor.device))


def weights_of(parameters: Mapping[str, nn.Parameter], cut: Sequence[Layout]) -> Tensor | None:
    """All heads' weights [heads, features, rest]; None where a parameter is not there."""
    found = [parameters[layout.parameter] for layout in cut if layout.parameter in parameters]
    return _joined([tensor.detach() for tensor in found], cut)


def gradients_of(parameters: Mapping[str, nn.Parameter], cut: Sequence[Layout]) -> Tensor | None:
    """The same of their gradients; None unless all of them have one."""
    found = [parameters[layout.parameter].grad for layout in cut if layout.parameter in parameters]
    return _joined([tensor for tensor in found if tensor is not None and not tensor.is_sparse], cut)


def _joined(tensors: list[Tensor], cut: Sequence[Layout]) -> Tensor | None:
    if not tensors or len(tensors) < len(cut):
        return None
    if len(tensors) == 1:
        return blocks(tensors[0], cut[0])
    parts = [blocks(tensor, layout) for tensor, layout in zip(tensors, cut, strict=True)]
    return torch.cat(parts) if len({part.shape[1:] for part in parts}) == 1 else None
