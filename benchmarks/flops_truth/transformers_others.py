"""BERT, T5, ViT, and Mamba, which has no attention."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from benchmarks.flops_truth.from_config import ids, model, variant
from benchmarks.flops_truth.truth import B, D, H, Inputs, N, S, V, attention_core, linear, token_ids, vectors

T = B * S  # tokens of the batch

# BERT: query, key, value, output, a feed-forward of 4 D; the pooler looks at the first token.
BERT_CORE = N * attention_core(B, S, S, D)
BERT = N * (4 * linear(T, D, D) + linear(T, D, 4 * D) + linear(T, 4 * D, D)) + BERT_CORE + linear(B, D, D)

# T5: encoder on S tokens, decoder on L tokens; cross attention takes keys and values from the encoder.
L, T5_HIDDEN = 64, 256
T5_ENCODER_LAYER = 4 * linear(T, D, D) + 2 * linear(T, D, T5_HIDDEN)
T5_DECODER_LAYER = (4 + 2) * linear(B * L, D, D) + 2 * linear(T, D, D) + 2 * linear(B * L, D, T5_HIDDEN)
T5_CORE = N * (attention_core(B, S, S, D) + attention_core(B, L, L, D) + attention_core(B, L, S, D))
T5 = N * (T5_ENCODER_LAYER + T5_DECODER_LAYER) + T5_CORE + linear(B * L, D, V)

# ViT: 64 patches of 8 x 8 x 3, a class token, a pooler.
IMAGE, PATCH = 64, 8
PATCHES = (IMAGE // PATCH) ** 2
VIT_TOKENS = B * (PATCHES + 1)
VIT_CORE = N * attention_core(B, PATCHES + 1, PATCHES + 1, D)
VIT_LAYERS = N * (4 * linear(VIT_TOKENS, D, D) + 2 * linear(VIT_TOKENS, D, 4 * D)) + VIT_CORE
VIT = linear(B * PATCHES, 3 * PATCH * PATCH, D) + VIT_LAYERS + linear(B, D, D)

# Mamba: a scan over M tokens with 16 states for each of 2 D channels.
M, INNER, STATES, RANK, KERNEL = 32, 2 * D, 16, D // 16, 4
MAMBA_SCAN = N * M * (2 * B * INNER * STATES)
MAMBA_LAYER = (
    linear(B * M, D, 2 * INNER)
    + 2 * B * INNER * (M + KERNEL - 1) * KERNEL  # depthwise, padded on both sides and cut afterwards
    + linear(B * M, INNER, RANK + 2 * STATES)
    + linear(B * M, RANK, INNER)
    + linear(B * M, INNER, D)
)
MAMBA = N * MAMBA_LAYER + MAMBA_SCAN + linear(B * M, D, V)


def bert() -> Callable[[], nn.Module]:
    """Two layers and the pooler."""
    sizes = {"vocab_size": V, "hidden_size": D, "num_hidden_layers": N, "max_position_embeddings": S}
    return model("BertModel", "BertConfig", **sizes, num_attention_heads=H, intermediate_size=4 * D)


def t5() -> Callable[[], nn.Module]:
    """Two encoder and two decoder layers, no dropout."""
    sizes = {
        "vocab_size": V,
        "d_model": D,
        "d_kv": D // H,
        "num_heads": H,
        "d_ff": T5_HIDDEN,
        "num_layers": N,
    }
    options = {"dropout_rate": 0.0, "decoder_start_token_id": 0}
    return model("T5ForConditionalGeneration", "T5Config", **sizes, **options)


def vit() -> Callable[[], nn.Module]:
    """Two layers and the pooler."""
    sizes = {"hidden_size": D, "num_hidden_layers": N, "num_attention_heads": H, "intermediate_size": 4 * D}
    return model("ViTModel", "ViTConfig", **sizes, image_size=IMAGE, patch_size=PATCH)


def mamba() -> Callable[[], nn.Module]:
    """Two layers; without the library's kernels the scan is a Python loop."""
    return model("MambaForCausalLM", "MambaConfig", vocab_size=V, hidden_size=D, num_hidden_layers=N)


def source_and_target() -> Inputs:
    """Encoder and decoder token ids, no cache."""
    return (), {"input_ids": token_ids(), "decoder_input_ids": token_ids(B, L), "use_cache": False}


def tokens_only() -> Inputs:
    """Token ids."""
    return (), {"input_ids": token_ids()}


def images() -> Inputs:
    """Random images, [B, 3, 64, 64]."""
    return (), {"pixel_values": vectors(B, 3, IMAGE, IMAGE)}


VARIANTS = (
    variant("BERT sdpa", bert(), BERT, BERT_CORE, "234.9", tokens_only),
    variant("T5 enc-dec + cross-attn", t5(), T5, T5_CORE, "343.1", source_and_target),
    variant("ViT sdpa", vit(), VIT, VIT_CORE, "117.2", images),
    variant("Mamba (slow scan)", mamba(), MAMBA, 0, "46.0", ids(M)),
)
