"""Sequence to sequence with additive attention: a GRU decoder that looks at the source before every step.

Source: Bahdanau, Cho, Bengio 2014, arXiv:1409.0473, appendix A.1.2.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

VOCAB_SIZE = 40
BATCH_SIZE, SOURCE_LEN, TARGET_LEN = 2, 9, 3
EMBED_DIM, HIDDEN_DIM, ATTENTION_DIM = 16, 24, 20


class AdditiveAttention(nn.Module):
    """The score of a source position is v · tanh(W query + U key)."""

    def __init__(self) -> None:
        super().__init__()
        self.q_proj = nn.Linear(HIDDEN_DIM, ATTENTION_DIM)
        self.k_proj = nn.Linear(HIDDEN_DIM, ATTENTION_DIM)
        self.energy = nn.Linear(ATTENTION_DIM, 1)

    def forward(self, query: Tensor, memory: Tensor) -> Tensor:  # [B, 1, C], [B, S, C] -> [B, 1, C]
        scores = self.energy(torch.tanh(self.q_proj(query) + self.k_proj(memory)))  # [B, S, 1]
        weights = F.softmax(scores.transpose(1, 2), dim=-1)  # [B, 1, S]
        return torch.bmm(weights, memory)


class Seq2Seq(nn.Module):
    """GRU encoder, GRU decoder, additive attention between them."""

    def __init__(self) -> None:
        super().__init__()
        self.tokens = nn.Embedding(VOCAB_SIZE, EMBED_DIM)
        self.encoder = nn.GRU(EMBED_DIM, HIDDEN_DIM, batch_first=True)
        self.attention = AdditiveAttention()
        self.decoder = nn.GRUCell(EMBED_DIM + HIDDEN_DIM, HIDDEN_DIM)
        self.head = nn.Linear(HIDDEN_DIM, VOCAB_SIZE)

    def forward(self, source: Tensor, target: Tensor) -> Tensor:  # [B, S], [B, L] -> [B, L, V]
        memory, last = self.encoder(self.tokens(source))
        hidden = last[0]
        logits = []
        for step in range(target.shape[1]):
            context = self.attention(hidden.unsqueeze(1), memory).squeeze(1)
            hidden = self.decoder(torch.cat([self.tokens(target[:, step]), context], dim=-1), hidden)
            logits.append(self.head(hidden))
        return torch.stack(logits, dim=1)


def build_model() -> nn.Module:
    """The same weights at every call."""
    torch.manual_seed(0)
    return Seq2Seq()


def example_inputs() -> tuple[Tensor, Tensor]:
    """Source ids [B, S] and target ids [B, L]."""
    generator = torch.Generator().manual_seed(0)
    source = torch.randint(VOCAB_SIZE, (BATCH_SIZE, SOURCE_LEN), generator=generator)
    return source, torch.randint(VOCAB_SIZE, (BATCH_SIZE, TARGET_LEN), generator=generator)


def loss(outputs: Tensor, inputs: tuple[Tensor, Tensor]) -> Tensor:
    """Cross entropy of every next target token."""
    return F.cross_entropy(outputs[:, :-1].flatten(0, 1), inputs[1][:, 1:].flatten())
