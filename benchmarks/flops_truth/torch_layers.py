"""The attention layers of torch itself, in training and in eval mode, where a fast path makes them one op."""

from __future__ import annotations

from torch import Tensor, nn

from benchmarks.flops_truth.truth import (
    B,
    D,
    H,
    Inputs,
    N,
    S,
    Variant,
    attention_core,
    linear,
    seeded,
    vectors,
)

TARGET_LEN = 64
HIDDEN = 256


class SelfAttention(nn.Module):
    """`nn.MultiheadAttention` on one input, without weights returned."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(D, H, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.attention(x, x, x, need_weights=False)[0]


def _encoder() -> nn.Module:
    layer = nn.TransformerEncoderLayer(D, H, HIDDEN, dropout=0.0, batch_first=True)
    return nn.TransformerEncoder(layer, N)


def _decoder() -> nn.Module:
    return nn.TransformerDecoder(nn.TransformerDecoderLayer(D, H, HIDDEN, dropout=0.0, batch_first=True), N)


def _one() -> Inputs:
    return (vectors(B, S, D),), {}


def _target_and_memory() -> Inputs:
    return (vectors(B, TARGET_LEN, D), vectors(B, S, D)), {}


MHA_CORE = attention_core(B, S, S, D)
MHA = 4 * linear(B * S, D, D) + MHA_CORE  # packed query, key, value; output

ENCODER_CORE = N * attention_core(B, S, S, D)
ENCODER = ENCODER_CORE + N * (4 * linear(B * S, D, D) + linear(B * S, D, HIDDEN) + linear(B * S, HIDDEN, D))

DECODER_CORE = N * (attention_core(B, TARGET_LEN, TARGET_LEN, D) + attention_core(B, TARGET_LEN, S, D))
DECODER = DECODER_CORE + N * (
    4 * linear(B * TARGET_LEN, D, D)  # self-attention
    + 2 * linear(B * TARGET_LEN, D, D)  # query and output of cross attention
    + 2 * linear(B * S, D, D)  # key and value, of the memory
    + linear(B * TARGET_LEN, D, HIDDEN)
    + linear(B * TARGET_LEN, HIDDEN, D)
)

VARIANTS = (
    Variant(
        name="nn.MHA eval (fast path)",
        build=seeded(SelfAttention),
        inputs=_one,
        flops=MHA,
        core=MHA_CORE,
        printed_mflop="50.3",
    ),
    Variant(
        name="nn.MHA train",
        build=seeded(SelfAttention),
        inputs=_one,
        flops=MHA,
        core=MHA_CORE,
        train=True,
        printed_mflop="50.3",
    ),
    Variant(
        name="nn.TransformerEncoder eval (fast path)",
        build=seeded(_encoder),
        inputs=_one,
        flops=ENCODER,
        core=ENCODER_CORE,
        printed_mflop="167.8",
    ),
    Variant(
        name="nn.TransformerEncoder train",
        build=seeded(_encoder),
        inputs=_one,
        flops=ENCODER,
        core=ENCODER_CORE,
        train=True,
        printed_mflop="167.8",
    ),
    Variant(
        name="nn.TransformerDecoder cross-attn, eval",
        build=seeded(_decoder),
        inputs=_target_and_memory,
        flops=DECODER,
        core=DECODER_CORE,
        printed_mflop="142.6",
    ),
)
