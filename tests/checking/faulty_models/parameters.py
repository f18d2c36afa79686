"""AP115: weights of an attention that the model does not have."""

from __future__ import annotations

import torch
from checking.correctness_cases import EMBED_DIM, HEAD_DIM, NUM_HEADS, Case, Projections
from torch import Tensor, nn
from torch.nn import functional as F


class PlainListOfHeads(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.qkv = [nn.Linear(EMBED_DIM, 3 * 16) for _ in range(2)]
        self.output = nn.Linear(32, EMBED_DIM)

    def forward(self, x: Tensor) -> Tensor:
        outputs = []
        for projection in self.qkv:
            query, key, value = projection(x).chunk(3, dim=-1)  # AP115
            outputs.append((query @ key.mT / 4).softmax(-1) @ value)
        return self.output(torch.cat(outputs, -1))


class MadeInForward(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.qkv, self.output = nn.Linear(EMBED_DIM, 3 * EMBED_DIM), nn.Linear(EMBED_DIM, EMBED_DIM)

    def forward(self, x: Tensor) -> Tensor:
        query_again = nn.Linear(EMBED_DIM, EMBED_DIM)  # AP115
        query, key, value = self.qkv(x).chunk(3, dim=-1)
        query, key, value = (
            t.view(*x.shape[:2], NUM_HEADS, HEAD_DIM).transpose(1, 2)
            for t in (query_again(query), key, value)
        )
        return self.output(F.scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2))


class ParameterInForward(Projections):
    """A learned bias of positions that is drawn anew at every call."""

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = self.heads(x)
        bias = nn.Parameter(torch.randn(NUM_HEADS, x.shape[1], x.shape[1]))
        scores = torch.einsum("bhid,bhjd->bhij", query, key) / HEAD_DIM**0.5
        scores = scores + bias  # AP115
        return self.merged(scores.softmax(-1) @ value)


class DictOfParameters(nn.Module):
    """einsum over tensors in a plain dict."""

    def __init__(self) -> None:
        super().__init__()
        make = lambda: torch.randn(EMBED_DIM, NUM_HEADS, HEAD_DIM).div(8).requires_grad_()  # noqa: E731
        self.weights = {name: make() for name in ("query", "key", "value")}
        self.output = nn.Linear(EMBED_DIM, EMBED_DIM)

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = (
            torch.einsum("bse,ehd->bhsd", x, self.weights[name])  # AP115
            for name in ("query", "key", "value")
        )
        return self.output(F.scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2))


CASES = {
    "plain_list_of_heads": Case(PlainListOfHeads),
    "made_in_forward": Case(MadeInForward),
    "parameter_in_forward": Case(ParameterInForward),
    "dict_of_parameters": Case(DictOfParameters),
}
