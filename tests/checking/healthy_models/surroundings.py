"""Blocks that do without a residual, a normalisation, a padding mask or positions, with reason."""

from __future__ import annotations

import torch
from checking.correctness_cases import EMBED_DIM, HEAD_DIM, Case, Projections, Text, ids, padded_ids
from torch import Tensor, nn
from torch.nn import functional as F


class Kernel(Projections):
    def forward(self, x: Tensor) -> Tensor:
        return self.merged(F.scaled_dot_product_attention(*self.heads(x)))


class Causal(Projections):
    def forward(self, x: Tensor) -> Tensor:
        return self.merged(F.scaled_dot_product_attention(*self.heads(x), is_causal=True))


class PostNorm(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.text, self.norms = Text(), nn.ModuleList(nn.LayerNorm(EMBED_DIM) for _ in range(2))
        self.layers = nn.ModuleList(Kernel() for _ in range(2))

    def forward(self, ids: Tensor) -> Tensor:
        x = self.text.tokens(ids) + self.text.positions(torch.arange(ids.shape[1]))
        for layer, norm in zip(self.layers, self.norms, strict=True):
            x = norm(x + layer(x))
        return self.text.head(x)


class Concatenated(PostNorm):
    """Dense connections: what the block read goes on beside what it gave."""

    def __init__(self) -> None:
        super().__init__()
        self.mixed = nn.ModuleList(nn.Linear(2 * EMBED_DIM, EMBED_DIM) for _ in range(2))

    def forward(self, ids: Tensor) -> Tensor:
        x = self.text.tokens(ids) + self.text.positions(torch.arange(ids.shape[1]))
        for layer, norm, mixed in zip(self.layers, self.norms, self.mixed, strict=True):
            x = norm(mixed(torch.cat([x, layer(x)], -1)))
        return self.text.head(x)


class Gated(PostNorm):
    """Highway: a learned mean of the input and the branch."""

    def __init__(self) -> None:
        super().__init__()
        self.gates = nn.ModuleList(nn.Linear(EMBED_DIM, EMBED_DIM) for _ in range(2))

    def forward(self, ids: Tensor) -> Tensor:
        x = self.text.tokens(ids) + self.text.positions(torch.arange(ids.shape[1]))
        for layer, norm, gate in zip(self.layers, self.norms, self.gates, strict=True):
            share = gate(x).sigmoid()
            x = norm(share * x + (1 - share) * layer(x))
        return self.text.head(x)


class ReZero(PostNorm):
    """No norm, but a learned scale, from zero on (Bachlechner et al. 2020, arXiv:2003.04887)."""

    def __init__(self) -> None:
        super().__init__()
        self.scales = nn.Parameter(torch.full((2,), 0.1))

    def forward(self, ids: Tensor) -> Tensor:
        x = self.text.tokens(ids) + self.text.positions(torch.arange(ids.shape[1]))
        for layer, scale in zip(self.layers, self.scales, strict=True):
            x = x + scale * layer(x)
        return self.text.head(x)


class TanhInPlace(PostNorm):
    """Zhu et al. 2025, arXiv:2503.10622."""

    def forward(self, ids: Tensor) -> Tensor:
        x = self.text.tokens(ids) + self.text.positions(torch.arange(ids.shape[1]))
        for layer in self.layers:
            x = x + layer(torch.tanh(0.5 * x))
        return self.text.head(x)


class ByHand(PostNorm):
    def forward(self, ids: Tensor) -> Tensor:
        x = self.text.tokens(ids) + self.text.positions(torch.arange(ids.shape[1]))
        for layer in self.layers:
            x = x + layer(x * (x.square().mean(-1, keepdim=True) + 1e-6).rsqrt())
        return self.text.head(x)


class ByHandWithRoot(PostNorm):
    """x / √variance, as the first DeBERTa writes it."""

    def forward(self, ids: Tensor) -> Tensor:
        x = self.text.tokens(ids) + self.text.positions(torch.arange(ids.shape[1]))
        for layer in self.layers:
            centred = x - x.mean(-1, keepdim=True)
            x = x + layer(centred / torch.sqrt(centred.pow(2).mean(-1, keepdim=True) + 1e-6))
        return self.text.head(x)


class Pictures(nn.Module):
    """Attention over the places of a picture."""

    def __init__(self) -> None:
        super().__init__()
        self.qkv = nn.Conv2d(16, 48, 1)

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = self.qkv(x).flatten(2).mT.chunk(3, dim=-1)
        return F.scaled_dot_product_attention(query, key, value).mT.unflatten(2, x.shape[2:])


class Bottleneck(nn.Module):
    """Attention between two convolutions; activations and the residual work in place."""

    def __init__(self) -> None:
        super().__init__()
        self.before, self.after, self.attention = nn.Conv2d(64, 16, 1), nn.Conv2d(16, 64, 1), Pictures()
        self.norm, self.act = nn.BatchNorm2d(16), nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        shortcut = x
        x = self.act(self.norm(self.before(x)))
        x = self.after(self.act(self.norm(self.attention(x).contiguous())))
        x += shortcut
        return self.act(x)


def bottlenecks() -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 64, 1), nn.ReLU(inplace=True), Bottleneck(), Bottleneck())


class Padded(Projections):
    def forward(self, x: Tensor, attention_mask: Tensor) -> Tensor:
        visible = attention_mask[:, None, None, :].bool()
        return self.merged(F.scaled_dot_product_attention(*self.heads(x), attn_mask=visible))


class PaddedBias(Projections):
    def forward(self, x: Tensor, attention_mask: Tensor) -> Tensor:
        query, key, value = self.heads(x)
        bias = (1.0 - attention_mask[:, None, None, :].float()) * -10000.0
        return self.merged((query @ key.mT / HEAD_DIM**0.5 + bias).softmax(-1) @ value)


class CausalIgnoresPadding(Projections):
    """Padding stands at the end: causal queries never see it."""

    def forward(self, x: Tensor, attention_mask: Tensor) -> Tensor:
        return self.merged(F.scaled_dot_product_attention(*self.heads(x), is_causal=True))


class SetOfVectors(nn.Module):
    """Floats carry their place in themselves, or are a set (Lee et al. 2019, arXiv:1810.00825)."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.layer, self.norm = nn.Linear(8, EMBED_DIM), Kernel(), nn.LayerNorm(EMBED_DIM)

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)
        return self.norm(x + self.layer(x))


class PooledWords(nn.Module):
    """A learned query pools a bag of words: no token attends to another."""

    def __init__(self) -> None:
        super().__init__()
        self.tokens, self.query = nn.Embedding(50, EMBED_DIM), nn.Parameter(torch.randn(1, 1, EMBED_DIM))
        self.attention = nn.MultiheadAttention(EMBED_DIM, 4, batch_first=True)

    def forward(self, ids: Tensor) -> Tensor:
        x = self.tokens(ids)
        return self.attention(self.query.expand(len(x), -1, -1), x, x)[0]


class OnlyPosition(nn.Module):
    """A linear bias is the only position."""

    def __init__(self) -> None:
        super().__init__()
        self.text = Text(Biased(), Biased(), has_positions=False)

    def forward(self, ids: Tensor) -> Tensor:
        return self.text(ids)


class Biased(Projections):
    def forward(self, x: Tensor) -> Tensor:
        query, key, value = self.heads(x)
        place = torch.arange(x.shape[1])
        bias = -0.5 * (place[:, None] - place).abs()
        return self.merged(F.scaled_dot_product_attention(query, key, value, attn_mask=bias))


def vectors() -> Tensor:
    return torch.randn(2, 12, 8, generator=torch.Generator().manual_seed(0))


def images() -> Tensor:
    return torch.randn(2, 3, 6, 6, generator=torch.Generator().manual_seed(0))


def end_padded() -> dict[str, Tensor]:
    return {"ids": ids(), "attention_mask": padded_ids()["attention_mask"]}


CASES = {
    "single_without_residual": Case(Kernel, lambda: Text(Kernel(), has_residual=False)),
    "single_without_norm": Case(Kernel, lambda: Text(Kernel(), has_norm=False)),
    "post_norm": Case(PostNorm, PostNorm),
    "concatenated": Case(Concatenated, Concatenated),
    "gated": Case(Gated, Gated),
    "rezero": Case(ReZero, ReZero),
    "tanh_in_place": Case(TanhInPlace, TanhInPlace),
    "norm_by_hand": Case(ByHand, ByHand),
    "norm_by_hand_with_root": Case(ByHandWithRoot, ByHandWithRoot),
    "bottleneck": Case(Bottleneck, bottlenecks, images),
    "padded": Case(Padded, inputs=padded_ids),
    "padded_bias": Case(PaddedBias, inputs=padded_ids),
    "causal_ignores_padding": Case(CausalIgnoresPadding, inputs=end_padded),
    "causal_without_positions": Case(Causal, lambda: Text(Causal(), Causal(), has_positions=False)),
    "set_of_vectors": Case(SetOfVectors, SetOfVectors, vectors),
    "pooled_words": Case(PooledWords, PooledWords),
    "only_position": Case(OnlyPosition, OnlyPosition),
}
