"""Why the fused kernel refused: every condition is broken once, and torch itself falls back each time."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from attnprobe.probes.fused_kernels import CPU, CUDA, probe
from attnprobe.records import ProbeResult, ScanOptions, Subject
from tests.probes.captured import capture
from tests.probes.written_attention import (
    BATCH_SIZE,
    NUM_HEADS,
    SEQ_LEN,
    Attention,
    by_hand,
    fused,
    result_of,
    tokens,
    values,
)


def refusal(result: ProbeResult) -> str:
    (value,) = values(result, "fused_kernel_refusal")
    return CPU[value]


def three_dims(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    return fused(*(part.flatten(0, 1) for part in (query, key, value))).unflatten(0, (BATCH_SIZE, NUM_HEADS))


def one_key_head(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    return fused(query, key[:, :1], value[:, :1])


def two_key_heads(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    return fused(query, key[:, :2], value[:, :2], enable_gqa=True)


def narrow_values(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    return torch.cat([fused(query, key, value[..., :4])] * 2, dim=-1)


def biased(query: Tensor, key: Tensor, value: Tensor, bias: Tensor) -> Tensor:
    return fused(query, key, value, attn_mask=bias)


def transposed_queries(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    return fused(query.mT.contiguous().mT, key, value)


BIAS = torch.zeros(1, NUM_HEADS, SEQ_LEN, SEQ_LEN)
MASK = torch.ones(SEQ_LEN, SEQ_LEN, dtype=torch.bool).tril()


@pytest.mark.parametrize(
    ("attend", "expected"),
    [
        (partial(fused, dropout_p=0.1), "dropout"),
        (three_dims, "rank"),
        (narrow_values, "head_dim"),
        (one_key_head, "sizes"),
        (partial(fused, attn_mask=MASK.expand(NUM_HEADS, SEQ_LEN, SEQ_LEN)), "mask_shape"),
        (transposed_queries, "other"),
        (fused, "none"),
        (partial(fused, attn_mask=MASK), "none"),
        (partial(fused, is_causal=True), "none"),
        (two_key_heads, "none"),
    ],
)
def test_the_condition_that_is_broken_is_named(attend: Any, expected: str) -> None:
    result = result_of(probe, Attention(attend))
    assert refusal(result) == expected


@pytest.mark.parametrize("backward", [False, True])
def test_a_bias_that_is_trained_keeps_the_kernel_away(backward: bool) -> None:
    assert refusal(result_of(probe, Attention(biased, bias=BIAS), tokens(), backward=backward)) == (
        "mask_needs_gradient"
    )


def test_dropout_inside_of_a_transformer_layer_is_seen() -> None:
    layer = nn.TransformerEncoderLayer(32, 4, 64, dropout=0.1, batch_first=True)
    step = capture(layer, tokens(), train=True)
    assert "scaled_dot_product_attention fell back" in step.sites[0].kernel
    result = probe.run(Subject(trace=step, options=ScanOptions(target="model.py")))
    assert refusal(result) == "dropout"


def test_what_calls_no_fused_attention_is_not_measured() -> None:
    result = result_of(probe, Attention(by_hand))
    assert values(result, "fused_kernel_refusal") == []
    assert {m.metric for m in result.not_measured} == {"fused_kernel_refusal", "cuda_flash_refusal"}


@pytest.mark.parametrize(
    ("dtype", "attend", "expected"),
    [
        (torch.float32, fused, "dtype"),
        (torch.bfloat16, fused, "none"),
        (torch.bfloat16, partial(fused, is_causal=True), "none"),
        (torch.bfloat16, partial(fused, attn_mask=MASK), "mask"),
        (torch.bfloat16, three_dims, "rank"),
        (torch.bfloat16, narrow_values, "head_dim"),
    ],
)
def test_flash_attention_on_cuda_wants_half_precision_four_dims_and_no_mask(
    dtype: torch.dtype, attend: Any, expected: str
) -> None:
    result = result_of(probe, Attention(attend).to(dtype), tokens().to(dtype))
    (value,) = values(result, "cuda_flash_refusal")
    assert CUDA[value] == expected


@pytest.mark.parametrize(("head_dim", "expected"), [(8, 0), (12, 4), (15, 1)])
def test_heads_are_filled_up_to_a_multiple_of_eight(head_dim: int, expected: int) -> None:
    class Narrow(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.proj = nn.Linear(head_dim, head_dim)

        def forward(self, x: Tensor) -> Tensor:
            states = self.proj(x)[:, None]
            output = fused(states, states, states)[:, 0]
            return x + output

    result = result_of(probe, Narrow(), torch.randn(BATCH_SIZE, SEQ_LEN, head_dim))
    assert values(result, "head_dim_padding") == [expected]
