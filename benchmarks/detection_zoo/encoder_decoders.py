"""Encoder–decoder text models."""

from __future__ import annotations

from typing import Any

from benchmarks.detection_zoo.entry import V, config, entries, ids, text

TARGET = {"decoder_input_ids": lambda: ids(seq_len=10)}


def bart(**more: Any) -> dict[str, Any]:
    """The options of BART and its kin."""
    layers = {"encoder_layers": 2, "decoder_layers": 2, "encoder_ffn_dim": 64, "decoder_ffn_dim": 64}
    heads = {"encoder_attention_heads": 4, "decoder_attention_heads": 4}
    tokens = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 1, "decoder_start_token_id": 1}
    return {
        "vocab_size": V,
        "d_model": 32,
        "max_position_embeddings": 64,
        **layers,
        **heads,
        **tokens,
        **more,
    }


def t5(**more: Any) -> dict[str, Any]:
    """The options of T5 and its kin."""
    layers = {"num_layers": 2, "num_decoder_layers": 2, "num_heads": 4}
    return {"vocab_size": V, "d_model": 32, "d_kv": 8, "d_ff": 64, **layers, **more}


ENCODER_DECODERS = entries(
    "encoder-decoder",
    t5=("T5Model", config("T5Config", **t5()), text(**TARGET)),
    longt5=(
        "LongT5Model",
        config(
            "LongT5Config",
            **t5(local_radius=4, global_block_size=4, encoder_attention_type="transient-global"),
        ),
        text(**TARGET),
    ),
    bart=("BartModel", config("BartConfig", **bart()), text(**TARGET)),
    led=(
        "LEDModel",
        config(
            "LEDConfig",
            **bart(
                attention_window=8, max_encoder_position_embeddings=64, max_decoder_position_embeddings=64
            ),
        ),
        text(**TARGET),
    ),
    prophetnet=(
        "ProphetNetModel",
        config(
            "ProphetNetConfig",
            vocab_size=V,
            hidden_size=32,
            encoder_ffn_dim=64,
            num_encoder_layers=2,
            num_encoder_attention_heads=4,
            decoder_ffn_dim=64,
            num_decoder_layers=2,
            num_decoder_attention_heads=4,
            max_position_embeddings=64,
            pad_token_id=0,
        ),
        text(**TARGET),
    ),
)
