"""AP111: no residual. AP112: no normalisation. AP113: padding attended. AP114: no positions."""

from __future__ import annotations

from checking.correctness_cases import EMBED_DIM, HEAD_DIM, NUM_HEADS, Case, Projections, Text, padded_ids
from torch import Tensor, nn
from torch.nn import functional as F


class Plain(Projections):
    def forward(self, x: Tensor) -> Tensor:
        query, key, value = self.heads(x)
        scores = query @ key.mT / HEAD_DIM**0.5  # AP111
        return self.merged(scores.softmax(-1) @ value)


class Kernel(Projections):
    def forward(self, x: Tensor) -> Tensor:
        return self.merged(F.scaled_dot_product_attention(*self.heads(x)))  # AP111


class Multihead(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(EMBED_DIM, NUM_HEADS, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.attention(x, x, x, need_weights=False)[0]  # AP111


class PlainUnnormed(Projections):
    def forward(self, x: Tensor) -> Tensor:
        query, key, value = self.heads(x)
        scores = query @ key.mT / HEAD_DIM**0.5  # AP112
        return self.merged(scores.softmax(-1) @ value)


class KernelUnnormed(Projections):
    def forward(self, x: Tensor) -> Tensor:
        return self.merged(F.scaled_dot_product_attention(*self.heads(x)))  # AP112


class MultiheadUnnormed(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(EMBED_DIM, NUM_HEADS, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.attention(x, x, x, need_weights=False)[0]  # AP112


class MaskUnused(Projections):
    def forward(self, x: Tensor, attention_mask: Tensor) -> Tensor:
        return self.merged(F.scaled_dot_product_attention(*self.heads(x)))  # AP113


class QueriesHidden(Projections):
    """The mask lies along the queries: padded rows are hidden; no line hides keys."""

    def forward(self, x: Tensor, attention_mask: Tensor) -> Tensor:
        query, key, value = self.heads(x)
        scores = query @ key.mT / HEAD_DIM**0.5  # AP113
        scores = scores.masked_fill(attention_mask[:, None, :, None] == 0, -1e9)
        return self.merged(scores.softmax(-1) @ value)


class WrongWayRound(nn.Module):
    """key_padding_mask is True for padding, not for tokens: a sample without padding sees nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(EMBED_DIM, NUM_HEADS, batch_first=True)

    def forward(self, x: Tensor, attention_mask: Tensor) -> Tensor:
        hidden = attention_mask.bool()
        hidden = hidden & hidden.roll(1, 1)
        return self.attention(x, x, x, key_padding_mask=hidden, need_weights=False)[0]  # AP104 AP113


class Blind(Projections):
    def forward(self, x: Tensor) -> Tensor:
        return self.merged(F.scaled_dot_product_attention(*self.heads(x)))


class BlindMultihead(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(EMBED_DIM, NUM_HEADS, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.attention(x, x, x, need_weights=False)[0]


class BlindPooled(nn.Module):
    """Reads a text, gives back one vector."""

    def __init__(self) -> None:
        super().__init__()
        self.text = Text(Blind(), Blind(), has_positions=False)

    def forward(self, ids: Tensor) -> Tensor:
        return self.text(ids).mean(1)


CASES = {
    "plain": Case(Plain, lambda: Text(Plain(), Plain(), has_residual=False)),
    "kernel": Case(Kernel, lambda: Text(Kernel(), Kernel(), Kernel(), has_residual=False)),
    "multihead": Case(Multihead, lambda: Text(Multihead(), Multihead(), has_residual=False)),
    "plain_unnormed": Case(PlainUnnormed, lambda: Text(PlainUnnormed(), PlainUnnormed(), has_norm=False)),
    "kernel_unnormed": Case(KernelUnnormed, lambda: Text(KernelUnnormed(), KernelUnnormed(), has_norm=False)),
    "multihead_unnormed": Case(
        MultiheadUnnormed, lambda: Text(MultiheadUnnormed(), MultiheadUnnormed(), has_norm=False)
    ),
    "mask_unused": Case(MaskUnused, inputs=padded_ids),
    "queries_hidden": Case(QueriesHidden, inputs=padded_ids),
    "wrong_way_round": Case(WrongWayRound, inputs=padded_ids),
    "blind": Case(Blind, lambda: Text(Blind(), Blind(), has_positions=False), of_model=("AP114",)),
    "blind_multihead": Case(
        BlindMultihead, lambda: Text(BlindMultihead(), has_positions=False), of_model=("AP114",)
    ),
    "blind_pooled": Case(BlindPooled, BlindPooled, of_model=("AP114",)),
}
