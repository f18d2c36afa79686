"""A T5 of the transformers library from a tiny configuration: self- and cross attention, both unscaled."""

from __future__ import annotations

import torch
from torch import Tensor, nn

VOCAB_SIZE, BATCH_SIZE, SOURCE_LEN, TARGET_LEN = 64, 2, 16, 8


def build_model() -> nn.Module:
    """Two encoder and two decoder layers with four heads."""
    try:
        from transformers import T5Config, T5ForConditionalGeneration
    except ImportError as error:
        raise ImportError("this sample needs the transformers library: pip install transformers") from error
    torch.manual_seed(0)
    return T5ForConditionalGeneration(
        T5Config(
            vocab_size=VOCAB_SIZE,
            d_model=32,
            d_kv=8,
            d_ff=64,
            num_layers=2,
            num_decoder_layers=2,
            num_heads=4,
            pad_token_id=0,
            decoder_start_token_id=0,
        )
    )


def example_inputs() -> dict[str, Tensor]:
    """Source ids [B, S] and target ids [B, L]; with targets the model returns its own loss."""
    generator = torch.Generator().manual_seed(0)
    return {
        "input_ids": torch.randint(1, VOCAB_SIZE, (BATCH_SIZE, SOURCE_LEN), generator=generator),
        "labels": torch.randint(1, VOCAB_SIZE, (BATCH_SIZE, TARGET_LEN), generator=generator),
    }
