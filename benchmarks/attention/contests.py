"""Who runs against whom: layers of width 512 with 8 heads, whole, projections included."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from torch import Tensor, nn

from attnprobe.attention import Attention, Mask, build

WIDTH, HEADS, WIDTH_OF_HEAD = 512, 8, 64
Layer = Callable[[int], nn.Module]  # of the sequence length


@dataclass(frozen=True, slots=True, kw_only=True)
class Contest:
    """One mechanism: ours, the peer's, and the ratio to SDPA at 4,096 tokens that ours has to reach."""

    name: str
    ours: Layer
    peer: Layer | None = None
    bar: float | None = None  # forward, 4,096 tokens


class Masked(nn.Module):
    """A layer of ours with a mask, as a function of x alone."""

    def __init__(self, layer: nn.Module, mask: Mask) -> None:
        super().__init__()
        self.layer, self.mask = layer, mask

    def forward(self, x: Tensor) -> Tensor:  # [B, S, E] -> [B, S, E]
        return self.layer(x, mask=self.mask)


def ours(name: str, *, is_causal: bool = False, **options: Any) -> Layer:
    """A layer of ours around the core of that name; options that are callable get the length."""

    def made(length: int) -> nn.Module:
        given = {key: value(length) if callable(value) else value for key, value in options.items()}
        return Masked(Attention(WIDTH, HEADS, build(name, **given)), Mask(is_causal=is_causal))

    return made


def _local(length: int) -> nn.Module:
    from local_attention.transformer import LocalMHA

    return LocalMHA(
        dim=WIDTH,
        window_size=256,
        dim_head=WIDTH_OF_HEAD,
        heads=HEADS,
        causal=True,
        use_xpos=False,
        prenorm=False,
    )


def _linear(length: int, *, is_causal: bool) -> nn.Module:
    from linear_attention_transformer.linear_attention_transformer import SelfAttention

    return SelfAttention(WIDTH, heads=HEADS, causal=is_causal)


def _performer(length: int, *, is_causal: bool) -> nn.Module:
    from performer_pytorch import SelfAttention

    return SelfAttention(dim=WIDTH, heads=HEADS, causal=is_causal, nb_features=256)


def _nystrom(length: int) -> nn.Module:
    from nystrom_attention import NystromAttention

    return NystromAttention(dim=WIDTH, dim_head=WIDTH_OF_HEAD, heads=HEADS, num_landmarks=64, residual=False)


def _linformer(length: int) -> nn.Module:
    from linformer import LinformerSelfAttention

    return LinformerSelfAttention(dim=WIDTH, seq_len=length, heads=HEADS, k=256)


def _agent(length: int) -> nn.Module:
    from agent_attention_pytorch import AgentSelfAttention

    return AgentSelfAttention(dim=WIDTH, num_agent_tokens=64, dim_head=WIDTH_OF_HEAD, heads=HEADS)


class _Longformer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        from transformers import LongformerConfig
        from transformers.models.longformer.modeling_longformer import LongformerSelfAttention

        config = LongformerConfig(hidden_size=WIDTH, num_attention_heads=HEADS, attention_window=[512])
        self.attention = LongformerSelfAttention(config, layer_id=0)
        self.output = nn.Linear(WIDTH, WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        mask = x.new_zeros(x.shape[:2])
        nobody = mask.bool()
        found = self.attention(
            x, attention_mask=mask, is_index_masked=nobody, is_index_global_attn=nobody, is_global_attn=False
        )
        return self.output(found[0])


BASE = ours("sdpa")
CONTESTS = (
    Contest(name="sdpa, causal", ours=ours("sdpa", is_causal=True)),
    Contest(
        name="sliding_window 256, causal",
        ours=ours("sliding_window", is_causal=True, window_size=256),
        peer=_local,
        bar=0.30,
    ),
    Contest(name="sliding_window 256", ours=ours("sliding_window", window_size=256), bar=0.30),
    Contest(
        name="global_local 512",
        ours=ours("global_local", window_size=512),
        peer=lambda _: _Longformer(),
        bar=0.40,
    ),
    Contest(name="linear", ours=ours("linear"), peer=partial(_linear, is_causal=False), bar=0.20),
    Contest(
        name="linear, causal",
        ours=ours("linear", is_causal=True),
        peer=partial(_linear, is_causal=True),
        bar=0.30,
    ),
    Contest(
        name="performer 256",
        ours=ours("performer", head_dim=WIDTH_OF_HEAD, features=256),
        peer=partial(_performer, is_causal=False),
        bar=0.60,
    ),
    Contest(
        name="performer 256, causal",
        ours=ours("performer", is_causal=True, head_dim=WIDTH_OF_HEAD, features=256),
        peer=partial(_performer, is_causal=True),
    ),
    Contest(
        name="linformer 256",
        ours=ours("linformer", rank=256, seq_len=lambda length: length),
        peer=_linformer,
        bar=0.27,
    ),
    Contest(name="nystrom 64", ours=ours("nystrom", landmarks=64), peer=_nystrom, bar=0.28),
    Contest(name="pooled_kv 4", ours=ours("pooled_kv", stride=4), bar=0.38),
    Contest(name="agent 64", ours=ours("agent", agents=64), peer=_agent),
    Contest(name="block_sparse, bigbird", ours=ours("block_sparse")),
    Contest(name="mixture_of_blocks", ours=ours("mixture_of_blocks", is_causal=True), bar=1.0),
    Contest(name="retention, causal", ours=ours("retention", is_causal=True)),
)
