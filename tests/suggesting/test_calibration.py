"""What is modelled, held against scans of the model before and after the change."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from attnprobe.pipeline import scan_model
from attnprobe.records import Scan, ScanOptions
from tests.probes.captured import loaded
from tests.probes.written_attention import (
    EMBED_DIM,
    NUM_HEADS,
    SEQ_LEN,
    Attention,
    by_hand,
    fused,
)
from tests.suggesting.scans import finding, suggested

PROBES = (
    *("flops", "memory", "score_memory", "key_value_copies", "sdpa_equivalence", "returned_weights"),
    *("mask_patterns", "mask_memory"),
)
CAUSAL = torch.zeros(SEQ_LEN, SEQ_LEN).masked_fill(
    torch.ones(SEQ_LEN, SEQ_LEN, dtype=torch.bool).triu(1), float("-inf")
)


def scan(module: nn.Module, length: int) -> Scan:
    options = ScanOptions(target="model.py", static=True, probes=PROBES)
    return scan_model(loaded(module, torch.randn(2, length, EMBED_DIM)), options, lambda *_: None)


class Layer(nn.Module):
    """nn.MultiheadAttention whose weights nobody reads."""

    def __init__(self, *, need_weights: bool) -> None:
        super().__init__()
        self.need_weights = need_weights
        self.attention = nn.MultiheadAttention(EMBED_DIM, NUM_HEADS, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = self.attention(x, x, x, need_weights=self.need_weights)[0]
        return x + output


def repeated(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    key, value = (part[:, :2].repeat_interleave(2, dim=1) for part in (key, value))
    return fused(query, key, value)


def grouped(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    return fused(query, key[:, :2], value[:, :2], enable_gqa=True)


def with_mask(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    return fused(query, key, value, attn_mask=CAUSAL)


def with_flag(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    return fused(query, key, value, is_causal=True)


@pytest.mark.parametrize(
    ("before", "after", "name", "metric", "length", "tolerance"),
    [
        # the copies of scaled queries and keys that a product of its own keeps are not modelled
        (Attention(by_hand), Attention(fused), "sdpa", "activation_bytes", 128, 0.1),
        (
            Layer(need_weights=True),
            Layer(need_weights=False),
            "need_weights_false",
            "activation_bytes",
            128,
            0.1,
        ),
        (Attention(repeated), Attention(grouped), "grouped_sdpa", "copy_bytes", 16, 0.0),
        (Attention(with_mask), Attention(with_flag), "causal_flag", "quadratic_mask_bytes", 16, 0.0),
    ],
)
def test_the_change_saves_what_was_modelled_or_a_little_more(
    before: nn.Module, after: nn.Module, name: str, metric: str, length: int, tolerance: float
) -> None:
    first: Any = scan(before, length)
    second: Any = scan(after, length)
    site = first.sites[0].id
    found = suggested(first, finding(name, sites=(site,)))
    (saving,) = [each for each in found.savings if each.metric == metric]
    measured = first.totals[metric] - second.totals[metric]
    assert saving.amount <= measured <= saving.amount * (1 + tolerance)
