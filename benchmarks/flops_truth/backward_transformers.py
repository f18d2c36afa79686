"""The backward pass of Llama (fused, unfused, checkpointed) and T5, module by module."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn

from benchmarks.flops_truth.from_config import ids
from benchmarks.flops_truth.transformers_decoders import (
    CORE,
    FEED_FORWARD,
    HIDDEN,
    LLAMA,
    OUTPUT_HEAD,
    PROJECTIONS,
    T,
    llama,
)
from benchmarks.flops_truth.transformers_others import T5, T5_HIDDEN, L, source_and_target, t5
from benchmarks.flops_truth.truth import (
    B,
    BackwardVariant,
    D,
    N,
    S,
    attention_core,
    fused,
    linear,
    mean_square,
)

# ── Llama: every layer alike; the embeddings need gradients, so every linear map costs twice ─────────

LAYER_CORE = CORE // N
LLAMA_ATTENTION = PROJECTIONS + LAYER_CORE
LAYERS = tuple(f"model.layers.{index}" for index in range(N))


def _llama_modules(attention: int, mlp: int, head: int) -> dict[str, int]:
    parts = {f"{layer}.self_attn": attention for layer in LAYERS} | {f"{layer}.mlp": mlp for layer in LAYERS}
    return {"": N * (attention + mlp) + head, "lm_head": head, **parts}


LLAMA_FORWARD = _llama_modules(LLAMA_ATTENTION, FEED_FORWARD, OUTPUT_HEAD)
LLAMA_FUSED = _llama_modules(2 * PROJECTIONS + fused(LAYER_CORE), 2 * FEED_FORWARD, 2 * OUTPUT_HEAD)
LLAMA_EAGER = _llama_modules(2 * LLAMA_ATTENTION, 2 * FEED_FORWARD, 2 * OUTPUT_HEAD)
# A checkpointed layer runs again as a whole; without re-entrance it stops before its last product, down_proj.
WHOLE_LAYERS = _llama_modules(LLAMA_ATTENTION, FEED_FORWARD, 0)
UP_TO_DOWN_PROJ = _llama_modules(LLAMA_ATTENTION, 2 * linear(T, D, HIDDEN), 0)
assert LLAMA_FORWARD[""] == LLAMA


def _checkpointed(is_reentrant: bool) -> Callable[[], nn.Module]:
    def build() -> nn.Module:
        model: Any = llama("sdpa")().train()
        model.gradient_checkpointing_enable({"use_reentrant": is_reentrant})
        return model  # type: ignore[no-any-return]

    return build


def _llama(
    name: str, build: Callable[[], nn.Module], backward: dict[str, int], **more: Any
) -> BackwardVariant:
    return BackwardVariant(
        name=name,
        build=build,
        inputs=ids(),
        forward=LLAMA_FORWARD,
        backward=backward,
        loss=mean_square,
        needs="transformers",
        **more,
    )


# ── T5: the learned position bias needs a gradient, which no fused kernel gives; cross attention has none ──

T5_ENCODER_ATTENTION = 4 * linear(T, D, D) + attention_core(B, S, S, D)
T5_DECODER_ATTENTION = 4 * linear(B * L, D, D) + attention_core(B, L, L, D)
T5_CROSS_PROJECTIONS = 2 * linear(B * L, D, D) + 2 * linear(T, D, D)
T5_CROSS_CORE = attention_core(B, L, S, D)
T5_CROSS_BACKWARD = 2 * T5_CROSS_PROJECTIONS + fused(T5_CROSS_CORE)
T5_DECODER_MLP = 2 * linear(B * L, D, T5_HIDDEN)
T5_DECODER = N * (T5_DECODER_ATTENTION + T5_CROSS_PROJECTIONS + T5_CROSS_CORE + T5_DECODER_MLP)
T5_DECODER_BACKWARD = N * (2 * T5_DECODER_ATTENTION + T5_CROSS_BACKWARD + 2 * T5_DECODER_MLP)
T5_BLOCKS = range(N)


def _t5_modules(encoder: int, decoder: int, cross: int) -> dict[str, int]:
    return (
        {f"encoder.block.{index}.layer.0.SelfAttention": encoder for index in T5_BLOCKS}
        | {f"decoder.block.{index}.layer.0.SelfAttention": decoder for index in T5_BLOCKS}
        | {f"decoder.block.{index}.layer.1.EncDecAttention": cross for index in T5_BLOCKS}
    )


T5_VARIANT = BackwardVariant(
    name="T5, fused cross attention only",
    build=t5(),
    inputs=source_and_target,
    forward={
        "": T5,
        "decoder": T5_DECODER,
        **_t5_modules(T5_ENCODER_ATTENTION, T5_DECODER_ATTENTION, T5_CROSS_PROJECTIONS + T5_CROSS_CORE),
    },
    backward={
        "": 2 * (T5 - T5_DECODER) + T5_DECODER_BACKWARD,
        "decoder": T5_DECODER_BACKWARD,
        **_t5_modules(2 * T5_ENCODER_ATTENTION, 2 * T5_DECODER_ATTENTION, T5_CROSS_BACKWARD),
    },
    loss=mean_square,
    needs="transformers",
)

VARIANTS = (
    _llama("Llama sdpa", llama("sdpa"), LLAMA_FUSED),
    _llama("Llama eager", llama("eager"), LLAMA_EAGER),
    _llama("Llama sdpa, checkpointed", _checkpointed(False), LLAMA_FUSED, recompute=UP_TO_DOWN_PROJ),
    _llama("Llama sdpa, checkpointed re-entrantly", _checkpointed(True), LLAMA_FUSED, recompute=WHOLE_LAYERS),
    T5_VARIANT,
)
