"""AP109: dropout that nobody told of evaluation mode."""

from __future__ import annotations

import torch
from checking.correctness_cases import EMBED_DIM, HEAD_DIM, NUM_HEADS, Case, Projections
from torch import Tensor, nn
from torch.nn import functional as F


class Functional(Projections):
    def forward(self, x: Tensor) -> Tensor:
        query, key, value = self.heads(x)
        weights = (query @ key.mT / HEAD_DIM**0.5).softmax(-1)
        weights = F.dropout(weights, 0.1)  # AP109
        return self.merged(weights @ value)


class Kernel(Projections):
    def forward(self, x: Tensor) -> Tensor:
        query, key, value = self.heads(x)
        return self.merged(F.scaled_dot_product_attention(query, key, value, dropout_p=0.1))  # AP109


class OfTheOutput(Projections):
    def forward(self, x: Tensor) -> Tensor:
        output = self.merged(F.scaled_dot_product_attention(*self.heads(x)))
        return F.dropout(output, p=0.2)  # AP109


class MultiheadFunction(nn.Module):
    """F.multi_head_attention_forward trains unless it is told otherwise."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(EMBED_DIM, NUM_HEADS, dropout=0.1, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        x = x.transpose(0, 1)
        part = self.attention
        weights = (part.in_proj_weight, part.in_proj_bias, None, None, False, 0.1)
        output = (part.out_proj.weight, part.out_proj.bias)
        found = F.multi_head_attention_forward(x, x, x, EMBED_DIM, NUM_HEADS, *weights, *output)  # AP109
        return found[0].transpose(0, 1)


class LoopOverHeads(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.qkv = nn.ModuleList(nn.Linear(EMBED_DIM, 3 * 16) for _ in range(2))
        self.output = nn.Linear(32, EMBED_DIM)

    def forward(self, x: Tensor) -> Tensor:
        outputs = []
        for projection in self.qkv:
            query, key, value = projection(x).chunk(3, dim=-1)
            weights = torch.softmax(torch.einsum("bid,bjd->bij", query, key) / 4, -1)
            outputs.append(torch.dropout(weights, 0.3, True) @ value)  # AP109
        return self.output(torch.cat(outputs, dim=-1))


CASES = {
    "functional": Case(Functional),
    "kernel": Case(Kernel),
    "of_the_output": Case(OfTheOutput),
    "multihead_function": Case(MultiheadFunction),
    "loop_over_heads": Case(LoopOverHeads),
}
