"""GPT-2, Llama, Mistral and Mixtral, with fused and with unfused attention."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn

from benchmarks.flops_truth.from_config import ids, model, variant
from benchmarks.flops_truth.truth import B, D, H, N, S, V, Variant, attention_core, linear

T = B * S  # tokens of the batch
CORE = N * attention_core(B, S, S, D)
OUTPUT_HEAD = linear(T, D, V)

# GPT-2: query, key, value, output, and a feed-forward of 4 D.
GPT2 = N * (4 * linear(T, D, D) + linear(T, D, 4 * D) + linear(T, 4 * D, D)) + CORE + OUTPUT_HEAD

# Llama and its kin: 8 query heads and 2 key/value heads of 16; feed-forward with a gate.
HEADS, KV_HEADS, HIDDEN = 8, 2, 352
KV_DIM = KV_HEADS * (D // HEADS)
PROJECTIONS = 2 * linear(T, D, D) + 2 * linear(T, D, KV_DIM)
FEED_FORWARD = 3 * linear(T, D, HIDDEN)
LLAMA = N * (PROJECTIONS + FEED_FORWARD) + CORE + OUTPUT_HEAD

# Mixtral: a router, and two of four experts for every token.
EXPERTS, EXPERTS_PER_TOKEN, EXPERT_HIDDEN = 4, 2, 256
EXPERT_LAYER = linear(T, D, EXPERTS) + EXPERTS_PER_TOKEN * 3 * linear(T, D, EXPERT_HIDDEN)
MIXTRAL = N * (PROJECTIONS + EXPERT_LAYER) + CORE + OUTPUT_HEAD


def gpt2(attention: str) -> Callable[[], nn.Module]:
    """Two layers, no dropout."""
    sizes = {"vocab_size": V, "n_positions": S, "n_embd": D, "n_layer": N, "n_head": H}
    dropout = {"resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0}
    tokens = {"bos_token_id": 1, "eos_token_id": 1}
    return model("GPT2LMHeadModel", "GPT2Config", **sizes, **dropout, **tokens, attn_implementation=attention)


def llama(attention: str, kind: str = "Llama", **more: Any) -> Callable[[], nn.Module]:
    """Two layers with grouped key/value heads."""
    sizes = {"vocab_size": V, "hidden_size": D, "num_hidden_layers": N, "max_position_embeddings": S}
    heads = {"num_attention_heads": HEADS, "num_key_value_heads": KV_HEADS}
    options = {"intermediate_size": HIDDEN, **sizes, **heads, **more, "attn_implementation": attention}
    return model(f"{kind}ForCausalLM", f"{kind}Config", **options)


def mixtral(experts: str) -> Callable[[], nn.Module]:
    """Every token goes to two of four experts."""
    routing = {"num_local_experts": EXPERTS, "num_experts_per_tok": EXPERTS_PER_TOKEN}
    options = {"intermediate_size": EXPERT_HIDDEN, "sliding_window": None, **routing}
    return llama("sdpa", "Mixtral", **options, experts_implementation=experts)


def _variant(name: str, build: Callable[[], nn.Module], flops: int, printed: str) -> Variant:
    return variant(name, build, flops, CORE, printed, ids())


VARIANTS = (
    _variant("GPT-2 sdpa", gpt2("sdpa"), GPT2, "300.4"),
    _variant("GPT-2 eager", gpt2("eager"), GPT2, "300.4"),
    _variant("Llama GQA sdpa", llama("sdpa"), LLAMA, "279.4"),
    _variant("Llama GQA eager", llama("eager"), LLAMA, "279.4"),
    _variant("Mistral sliding-window sdpa", llama("sdpa", "Mistral", sliding_window=32), LLAMA, "279.4"),
    _variant("Mixtral (grouped_mm, default)", mixtral("grouped_mm"), MIXTRAL, "342.9"),
    _variant("Mixtral (eager experts)", mixtral("eager"), MIXTRAL, "342.9"),
)
