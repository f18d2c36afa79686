"""A Llama of the transformers library, built from a tiny configuration: no download, random weights."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

VOCAB_SIZE, BATCH_SIZE, SEQ_LEN = 64, 2, 16

causal = True


def build_model() -> nn.Module:
    """Two layers, four query heads that share two key/value heads."""
    try:
        from transformers import LlamaConfig, LlamaForCausalLM
    except ImportError as error:
        raise ImportError("this sample needs the transformers library: pip install transformers") from error
    torch.manual_seed(0)
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=VOCAB_SIZE,
            hidden_size=32,
            intermediate_size=80,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=2,
            max_position_embeddings=64,
        )
    )


def example_inputs() -> dict[str, Tensor]:
    """Token ids, [B, S]."""
    generator = torch.Generator().manual_seed(0)
    return {"input_ids": torch.randint(VOCAB_SIZE, (BATCH_SIZE, SEQ_LEN), generator=generator)}


def loss(outputs: Any, inputs: dict[str, Tensor]) -> Tensor:
    """Cross entropy of every next token."""
    return F.cross_entropy(outputs.logits[:, :-1].flatten(0, 1), inputs["input_ids"][:, 1:].flatten())
