"""A map is weighed by channel and row, and by channel and column (coordinate attention).

    z_row = mean of x over columns [B, C, H], z_column = mean of x over rows [B, C, W]
    f = h_swish(norm(F1 [z_row; z_column]))           [B, C/r, H + W]
    out = x · σ(F_row f_row) · σ(F_column f_column)   [B, C, H, W]

Cost: about 4 B C H W operations and 4 B C² (H + W) / r FLOPs: linear in the points.
Keeps where things are along both axes, unlike pooling over the whole plane. Exactness: retrain (a new part).
Source: Hou et al. 2021, arXiv:2103.02907, section 3.2, equations 4 to 9. The batch norm is that of
figure 2 (batch statistics in training, fixed ones in evaluation); the non-linearity, which the paper leaves
open, is h_swish.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from attnprobe.attention.planes.gates import opened, reduced


class Coordinate(nn.Module):
    """Gates per row and per column of every channel.

    Args:
        channels: Channels C of the map.
        reduction: The hidden layer has C / reduction channels, at least 8.
        starts_open: The gates are 2σ with last layers of zeros: at first they change nothing.
    """

    def __init__(self, channels: int, reduction: int = 32, *, starts_open: bool = False) -> None:
        super().__init__()
        hidden = reduced(channels, reduction, least=8)
        self.squeeze, self.norm = nn.Conv1d(channels, hidden, 1), nn.BatchNorm1d(hidden)
        self.row, self.column = nn.Conv1d(hidden, channels, 1), nn.Conv1d(hidden, channels, 1)
        self.gain = 1.0
        if starts_open:
            self.gain = opened(self.row)
            opened(self.column)

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, H, W] -> [B, C, H, W]."""
        pooled = torch.cat((x.mean(3), x.mean(2)), dim=2)  # [B, C, H + W]
        hidden = F.hardswish(self.norm(self.squeeze(pooled)))
        rows, columns = hidden[:, :, : x.shape[2]], hidden[:, :, x.shape[2] :]
        row_gate: Tensor = self.row(rows).sigmoid() * self.gain
        column_gate: Tensor = self.column(columns).sigmoid() * self.gain
        return x * row_gate[:, :, :, None] * column_gate[:, :, None, :]

    def reference(self, x: Tensor) -> Tensor:
        """By the formula, rows and columns each on their own, in evaluation."""
        row = self._gate(x.sum(3) / x.shape[3], self.row)
        column = self._gate(x.sum(2) / x.shape[2], self.column)
        return torch.einsum("bchw,bch,bcw->bchw", x, row, column)

    def _gate(self, pooled: Tensor, last: nn.Conv1d) -> Tensor:
        hidden = torch.einsum("oc,bcn->bon", self.squeeze.weight[:, :, 0], pooled)
        hidden = self.norm(hidden + torch.as_tensor(self.squeeze.bias)[:, None])
        hidden = hidden * (hidden + 3).clamp(0, 6) / 6
        scores = torch.einsum("oc,bcn->bon", last.weight[:, :, 0], hidden)
        return self.gain / (1 + (-(scores + torch.as_tensor(last.bias)[:, None])).exp())


attention = Coordinate
