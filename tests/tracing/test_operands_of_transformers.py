"""Operands and streams of models of the transformers library, tiny, checked by computing with them."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
import torch
from recomputed import checked
from tracing_of import loaded, trace_of

transformers = pytest.importorskip("transformers")

UNFUSED = {"product", "softmax", "rows", "weights"}
SMALL = {
    "vocab_size": 50,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
}
GPT = {"vocab_size": 50, "n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 32}
SPECIAL = {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0}
LATENT = {
    **SMALL,
    "num_key_value_heads": 4,
    "kv_lora_rank": 16,
    "q_lora_rank": 24,
    "qk_rope_head_dim": 4,
    "qk_nope_head_dim": 8,
    "v_head_dim": 6,
    "first_k_dense_replace": 2,
    "n_group": 1,
    "topk_group": 1,
}
SWIN = {
    "image_size": 32,
    "patch_size": 2,
    "embed_dim": 16,
    "depths": [2, 2],
    "num_heads": [2, 4],
    "window_size": 4,
}
WHISPER = {
    "vocab_size": 50,
    "d_model": 32,
    "encoder_layers": 2,
    "decoder_layers": 2,
    "encoder_attention_heads": 4,
    "decoder_attention_heads": 4,
    "encoder_ffn_dim": 48,
    "decoder_ffn_dim": 48,
    "num_mel_bins": 8,
    "max_source_positions": 20,
    "max_target_positions": 20,
    "decoder_start_token_id": 1,
}


def ids(length: int = 12) -> torch.Tensor:
    return torch.randint(3, 50, (2, length), generator=torch.Generator().manual_seed(0))


def noise(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


@dataclass(frozen=True)
class Case:
    config: str
    model: str
    options: dict[str, Any]
    inputs: Callable[[], dict[str, torch.Tensor]]
    sites: int
    norm: str
    fused: set[str] | None = field(default_factory=lambda: {"fused"})  # None: there is no fused variant
    capped: float | None = None


def words() -> dict[str, torch.Tensor]:
    return {"input_ids": ids()}


def pictures() -> dict[str, torch.Tensor]:
    return {"pixel_values": noise(2, 3, 32, 32)}


PADDED = {"input_ids": ids(), "attention_mask": torch.tensor([[1] * 12, [1] * 8 + [0] * 4])}
T5 = {"vocab_size": 50, "d_model": 32, "d_kv": 8, "d_ff": 48, "num_layers": 2, "num_heads": 4}
VIT = {
    "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 48,
    "image_size": 32, "patch_size": 8,
}  # fmt: skip
FALCON = {k: v for k, v in SMALL.items() if k != "intermediate_size"}
CASES = {
    "gpt2": Case("GPT2Config", "GPT2LMHeadModel", {**GPT, **SPECIAL}, words, 2, "pre"),
    "llama": Case("LlamaConfig", "LlamaForCausalLM", {**SMALL, "num_key_value_heads": 2}, words, 2, "pre"),
    "t5": Case(
        "T5Config",
        "T5ForConditionalGeneration",
        {**T5, "decoder_start_token_id": 0},
        lambda: {"input_ids": ids(), "decoder_input_ids": ids(7)},
        6,
        "pre",
    ),
    "bert": Case("BertConfig", "BertModel", SMALL, lambda: PADDED, 2, "post"),
    "vit": Case("ViTConfig", "ViTModel", VIT, pictures, 2, "pre"),
    "swin": Case("SwinConfig", "SwinModel", SWIN, pictures, 4, "pre"),
    "swinv2": Case("Swinv2Config", "Swinv2Model", SWIN, pictures, 4, "post", None),
    "mpt": Case(
        "MptConfig",
        "MptForCausalLM",
        {"vocab_size": 50, "d_model": 32, "n_heads": 4, "n_layers": 2, "max_seq_len": 32},
        words,
        2,
        "pre",
        None,
    ),
    "bloom": Case(
        "BloomConfig",
        "BloomForCausalLM",
        {"vocab_size": 50, "hidden_size": 32, "n_layer": 2, "n_head": 4},
        words,
        2,
        "pre",
        None,
    ),
    "falcon": Case(
        "FalconConfig",
        "FalconForCausalLM",
        {**FALCON, **SPECIAL, "multi_query": True, "parallel_attn": True, "new_decoder_architecture": False},
        words,
        2,
        "pre",
        UNFUSED,  # torch's kernel falls back to the products for one broadcast key-value head
    ),
    "deepseek_v2": Case(
        "DeepseekV2Config", "DeepseekV2ForCausalLM", {**LATENT, **SPECIAL}, words, 2, "pre", UNFUSED
    ),
    "deepseek_v3": Case(
        "DeepseekV3Config", "DeepseekV3ForCausalLM", {**LATENT, **SPECIAL}, words, 2, "pre", UNFUSED
    ),
    "gemma2": Case(
        "Gemma2Config",
        "Gemma2ForCausalLM",
        {**SMALL, "num_key_value_heads": 2, "head_dim": 8},
        words,
        2,
        "both",
        None,
        50.0,
    ),
    "whisper": Case(
        "WhisperConfig",
        "WhisperForConditionalGeneration",
        {**WHISPER, **SPECIAL, "suppress_tokens": None, "begin_suppress_tokens": None},
        lambda: {"input_features": noise(2, 8, 40), "decoder_input_ids": ids(7)},
        6,
        "pre",
    ),
    "gpt_bigcode": Case(
        "GPTBigCodeConfig",
        "GPTBigCodeForCausalLM",
        {**GPT, **SPECIAL, "multi_query": True},
        words,
        2,
        "pre",
    ),
    "gptj": Case("GPTJConfig", "GPTJForCausalLM", {**GPT, **SPECIAL, "rotary_dim": 4}, words, 2, "pre", None),
}
SLOW = {"bert", "vit", "swinv2", "mpt", "bloom", "deepseek_v2", "gptj", "whisper"}
EVERY = [pytest.param(name, marks=[pytest.mark.slow] if name in SLOW else []) for name in CASES]


def build(case: Case, implementation: str) -> torch.nn.Module:
    """The model with weights large enough for maps that are far from uniform."""
    torch.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        config = getattr(transformers, case.config)(**case.options, use_cache=False)
        model = getattr(transformers, case.model)._from_config(config, attn_implementation=implementation)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter.normal_(0, 0.3)
    return model.eval()


@pytest.mark.parametrize("name", EVERY)
def test_unfused_operands_give_what_the_model_computes(name: str) -> None:
    case = CASES[name]
    model = loaded(build(case, "eager"), is_fake=False, **case.inputs())
    done = checked(model, tolerance=1e-4, capped=case.capped)
    assert list(done.values()) == [UNFUSED] * case.sites


@pytest.mark.parametrize("name", EVERY)
def test_operands_of_kernels_give_what_the_model_computes(name: str) -> None:
    case = CASES[name]
    if case.fused is None:
        pytest.skip("the library has no fused variant of it")
    model = loaded(build(case, "sdpa"), is_fake=False, **case.inputs())
    assert list(checked(model, tolerance=1e-4).values()) == [case.fused] * case.sites


@pytest.mark.parametrize("name", EVERY)
def test_every_site_is_added_to_the_residual_stream(name: str) -> None:
    case = CASES[name]
    streams = trace_of(build(case, "eager"), **case.inputs()).streams
    assert [(stream.has_residual, stream.norm) for stream in streams] == [(True, case.norm)] * case.sites
    for stream in streams:
        assert None not in (stream.entry, stream.read, stream.branch, stream.exit)
