"""Two ways to make one vector of many: a linear score per token, and a learned query with several heads.

Sources: Ilse et al. 2018, arXiv:1802.04712, section 2.4 (a score per token; here without its tanh layer);
Lee et al. 2019, arXiv:1810.00825, section 3.2 (pooling by multi-head attention with a learned seed).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

BATCH_SIZE, NUM_TOKENS, EMBED_DIM, NUM_HEADS, NUM_CLASSES = 2, 14, 32, 4, 5
HEAD_DIM = EMBED_DIM // NUM_HEADS


class ScorePooling(nn.Module):
    """A weighted mean of the tokens; the weights come from one linear map."""

    def __init__(self) -> None:
        super().__init__()
        self.score = nn.Linear(EMBED_DIM, 1)

    def forward(self, tokens: Tensor) -> Tensor:  # [B, S, E] -> [B, E]
        scores = self.score(tokens)  # [B, S, 1]
        weights = F.softmax(scores, dim=1)
        return (weights.transpose(1, 2) @ tokens).squeeze(1)


class QueryPooling(nn.Module):
    """A learned query looks at all tokens, head by head."""

    def __init__(self) -> None:
        super().__init__()
        self.query = nn.Parameter(torch.randn(1, NUM_HEADS, 1, HEAD_DIM))
        self.k_proj = nn.Linear(EMBED_DIM, EMBED_DIM)
        self.v_proj = nn.Linear(EMBED_DIM, EMBED_DIM)
        self.o_proj = nn.Linear(EMBED_DIM, EMBED_DIM)

    def forward(self, tokens: Tensor) -> Tensor:  # [B, S, E] -> [B, E]
        key = self.k_proj(tokens).unflatten(-1, (NUM_HEADS, HEAD_DIM)).transpose(1, 2)  # [B, H, S, D]
        value = self.v_proj(tokens).unflatten(-1, (NUM_HEADS, HEAD_DIM)).transpose(1, 2)
        scores = self.query @ key.transpose(-2, -1) * HEAD_DIM**-0.5  # [B, H, 1, S]
        output = F.softmax(scores, dim=-1) @ value  # [B, H, 1, D]
        return self.o_proj(output.flatten(1))


class BagClassifier(nn.Module):
    """Both summaries side by side, then a classifier."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Linear(EMBED_DIM, EMBED_DIM)
        self.score_pooling = ScorePooling()
        self.query_pooling = QueryPooling()
        self.head = nn.Linear(2 * EMBED_DIM, NUM_CLASSES)

    def forward(self, x: Tensor) -> Tensor:  # [B, S, E] -> [B, classes]
        tokens = F.gelu(self.embedding(x))
        return self.head(torch.cat([self.score_pooling(tokens), self.query_pooling(tokens)], dim=-1))


def build_model() -> nn.Module:
    """The same weights at every call."""
    torch.manual_seed(0)
    return BagClassifier()


def example_inputs() -> Tensor:
    """Bags of random vectors, [B, S, E]."""
    return torch.randn(BATCH_SIZE, NUM_TOKENS, EMBED_DIM, generator=torch.Generator().manual_seed(0))
