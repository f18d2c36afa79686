"""Four ways to get attention wrong, one per layer. Everything runs; no error is raised.

- `unscaled`: the scores are not divided by √D.
- `softmax_over_queries`: the weights sum to one over the queries, not over the keys.
- `mask_after_softmax`: the future is hidden only after the softmax has counted it.
- `scrambled_heads`: the heads are split by `view` without the transpose, so a "head" holds pieces of
  several tokens.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

VOCAB_SIZE = 50
BATCH_SIZE, SEQ_LEN = 2, 16
EMBED_DIM, NUM_HEADS = 32, 4
HEAD_DIM = EMBED_DIM // NUM_HEADS


class Projected(nn.Module):
    """What the four have in common: projections, and heads split and merged as they should be."""

    def __init__(self) -> None:
        super().__init__()
        self.q_proj = nn.Linear(EMBED_DIM, EMBED_DIM)
        self.k_proj = nn.Linear(EMBED_DIM, EMBED_DIM)
        self.v_proj = nn.Linear(EMBED_DIM, EMBED_DIM)
        self.o_proj = nn.Linear(EMBED_DIM, EMBED_DIM)

    def split(self, x: Tensor) -> Tensor:
        """[B, S, E] -> [B, H, S, D]."""
        return x.view(x.shape[0], x.shape[1], NUM_HEADS, HEAD_DIM).transpose(1, 2)

    def merge(self, x: Tensor) -> Tensor:
        """[B, H, S, D] -> [B, S, E]."""
        return x.transpose(1, 2).flatten(2)


class UnscaledAttention(Projected):
    """Fault: scores without 1/√D."""

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = self.split(self.q_proj(x)), self.split(self.k_proj(x)), self.split(self.v_proj(x))
        scores = query @ key.transpose(-2, -1)
        return self.o_proj(self.merge(F.softmax(scores, dim=-1) @ value))


class SoftmaxOverQueries(Projected):
    """Fault: softmax along the query axis."""

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = self.split(self.q_proj(x)), self.split(self.k_proj(x)), self.split(self.v_proj(x))
        scores = query @ key.transpose(-2, -1) * HEAD_DIM**-0.5
        return self.o_proj(self.merge(F.softmax(scores, dim=-2) @ value))


class MaskAfterSoftmax(Projected):
    """Fault: the causal mask comes too late, the rows no longer sum to one."""

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = self.split(self.q_proj(x)), self.split(self.k_proj(x)), self.split(self.v_proj(x))
        scores = query @ key.transpose(-2, -1) * HEAD_DIM**-0.5
        visible = torch.ones(x.shape[1], x.shape[1], device=x.device).tril()
        return self.o_proj(self.merge((F.softmax(scores, dim=-1) * visible) @ value))


class ScrambledHeads(Projected):
    """Fault: [B, S, E] viewed as [B, H, S, D]: tokens and heads mix."""

    def split(self, x: Tensor) -> Tensor:
        """Head 0 gets the first S/H tokens, cut into pieces of D."""
        return x.view(x.shape[0], NUM_HEADS, x.shape[1], HEAD_DIM)

    def merge(self, x: Tensor) -> Tensor:
        """The inverse of `split`, as wrong as it."""
        return x.reshape(x.shape[0], x.shape[2], EMBED_DIM)

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = self.split(self.q_proj(x)), self.split(self.k_proj(x)), self.split(self.v_proj(x))
        scores = query @ key.transpose(-2, -1) * HEAD_DIM**-0.5
        return self.o_proj(self.merge(F.softmax(scores, dim=-1) @ value))


class FaultyModel(nn.Module):
    """The four layers one after the other, each with a residual and a normalisation."""

    def __init__(self) -> None:
        super().__init__()
        self.tokens = nn.Embedding(VOCAB_SIZE, EMBED_DIM)
        self.positions = nn.Embedding(SEQ_LEN, EMBED_DIM)
        self.unscaled = UnscaledAttention()
        self.softmax_over_queries = SoftmaxOverQueries()
        self.mask_after_softmax = MaskAfterSoftmax()
        self.scrambled_heads = ScrambledHeads()
        self.norms = nn.ModuleList(nn.LayerNorm(EMBED_DIM) for _ in range(4))
        self.head = nn.Linear(EMBED_DIM, VOCAB_SIZE)

    def forward(self, ids: Tensor) -> Tensor:  # [B, S] -> [B, S, V]
        x = self.tokens(ids) + self.positions(torch.arange(ids.shape[1], device=ids.device))
        layers = (self.unscaled, self.softmax_over_queries, self.mask_after_softmax, self.scrambled_heads)
        for layer, norm in zip(layers, self.norms, strict=True):
            x = x + layer(norm(x))
        return self.head(x)


def build_model() -> nn.Module:
    """The same weights at every call."""
    torch.manual_seed(0)
    return FaultyModel()


def example_inputs() -> Tensor:
    """Token ids, [B, S]."""
    return torch.randint(VOCAB_SIZE, (BATCH_SIZE, SEQ_LEN), generator=torch.Generator().manual_seed(0))


def loss(outputs: Tensor, inputs: Tensor) -> Tensor:
    """Cross entropy of every token with itself: the model has nothing to predict, only to run."""
    return F.cross_entropy(outputs.flatten(0, 1), inputs.flatten())
