"""Models that see what they are meant to see."""

from __future__ import annotations

import torch
from checking.correctness_cases import EMBED_DIM, HEAD_DIM, NUM_HEADS, VOCAB_SIZE, Case, Projections, Text
from torch import Tensor, nn
from torch.nn import functional as F


class Causal(Projections):
    def forward(self, x: Tensor) -> Tensor:
        return self.merged(F.scaled_dot_product_attention(*self.heads(x), is_causal=True))


class Encoder(Projections):
    def forward(self, x: Tensor) -> Tensor:
        return self.merged(F.scaled_dot_product_attention(*self.heads(x)))


class OneMore(Projections):
    """Sees one position further: right behind a start token, which shifts everything by one."""

    def forward(self, x: Tensor) -> Tensor:
        visible = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool).tril(diagonal=1)
        return self.merged(F.scaled_dot_product_attention(*self.heads(x), attn_mask=visible))


class ShiftedInside(Text):
    """Inputs are shifted inside of the model: the output at t may see inputs up to t."""

    def __init__(self) -> None:
        super().__init__(OneMore())
        self.start = nn.Parameter(torch.zeros(1, 1, EMBED_DIM))

    def forward(self, ids: Tensor) -> Tensor:
        x = self.tokens(ids) + self.positions(torch.arange(ids.shape[1]))
        x = torch.cat([self.start.expand(len(x), -1, -1), x[:, :-1]], dim=1)
        return self.head(x + self.layers[0](self.norms[0](x)))


class Strict(Projections):
    """Keys are a token behind: the start token is what the first query sees."""

    def __init__(self) -> None:
        super().__init__()
        self.start = nn.Parameter(torch.zeros(1, 1, EMBED_DIM))

    def forward(self, x: Tensor) -> Tensor:
        memory = torch.cat([self.start.expand(len(x), -1, -1), x], dim=1)
        shape = (len(x), -1, NUM_HEADS, HEAD_DIM)
        query = self.q_proj(x).view(shape).transpose(1, 2)
        key, value = (p(memory).view(shape).transpose(1, 2) for p in (self.k_proj, self.v_proj))
        visible = torch.ones(x.shape[1], x.shape[1] + 1, dtype=torch.bool).tril(diagonal=0)
        return self.merged(F.scaled_dot_product_attention(query, key, value, attn_mask=visible))


class Prefix(Projections):
    def forward(self, x: Tensor) -> Tensor:
        visible = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool).tril()
        visible[:5, :5] = True
        return self.merged(F.scaled_dot_product_attention(*self.heads(x), attn_mask=visible))


class SequenceFirst(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(EMBED_DIM, NUM_HEADS)

    def forward(self, x: Tensor) -> Tensor:
        x = x.transpose(0, 1)
        return self.attention(x, x, x, need_weights=False)[0].transpose(0, 1)


class BatchNormed(Projections):
    """Mixes samples in training mode only."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(EMBED_DIM)

    def forward(self, x: Tensor) -> Tensor:
        return self.merged(F.scaled_dot_product_attention(*self.heads(self.norm(x.mT).mT)))


class PastConvolution(Causal):
    def __init__(self) -> None:
        super().__init__()
        self.near = nn.Conv1d(EMBED_DIM, EMBED_DIM, 3)

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(self.near(F.pad(x.mT, (2, 0))).mT)


class EncoderDecoder(nn.Module):
    """The encoder sees everything, the decoder its past."""

    def __init__(self) -> None:
        super().__init__()
        self.tokens, self.positions = nn.Embedding(VOCAB_SIZE, EMBED_DIM), nn.Embedding(64, EMBED_DIM)
        sizes = {"nhead": NUM_HEADS, "dim_feedforward": 64, "batch_first": True}
        self.transformer = nn.Transformer(EMBED_DIM, num_encoder_layers=2, num_decoder_layers=2, **sizes)
        self.head = nn.Linear(EMBED_DIM, VOCAB_SIZE)

    def embedded(self, ids: Tensor) -> Tensor:
        return self.tokens(ids) + self.positions(torch.arange(ids.shape[1]))

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        mask = nn.Transformer.generate_square_subsequent_mask(target.shape[1])
        states = self.transformer(self.embedded(source), self.embedded(target), tgt_mask=mask)
        return self.head(states)


class Contrastive(nn.Module):
    """Compares every sample with every other one, on purpose."""

    def __init__(self) -> None:
        super().__init__()
        self.text = Text(Encoder())

    def forward(self, ids: Tensor) -> Tensor:
        pooled = F.normalize(self.text(ids).mean(1), dim=-1)
        return pooled @ pooled.mT


def pairs() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(2, 50, (2, 11), generator=generator), torch.randint(
        2, 50, (2, 9), generator=generator
    )


def three() -> Tensor:
    return torch.randint(2, 50, (3, 12), generator=torch.Generator().manual_seed(0))


CASES = {
    "causal": Case(Causal, causal=True),
    "encoder": Case(Encoder),
    "declared_encoder": Case(Causal, lambda: Text(Causal(), Causal(), Encoder()), causal=False),
    "shifted_inside": Case(OneMore, ShiftedInside, causal=True),
    "shifted_inside_undeclared": Case(OneMore, ShiftedInside),
    "strict": Case(Strict, causal=True),
    "prefix": Case(Prefix),
    "sequence_first": Case(SequenceFirst),
    "batch_normed": Case(BatchNormed),
    "past_convolution": Case(PastConvolution, causal=True),
    "encoder_decoder": Case(EncoderDecoder, EncoderDecoder, pairs),
    "contrastive": Case(Contrastive, Contrastive, three),
}
