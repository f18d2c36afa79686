"""Keys and values of 2 heads for 4 query heads: a copy of both is 2 · 2·4·16·8·4 bytes."""

from __future__ import annotations

import pytest
from torch import Tensor

from attnprobe.probes.key_value_copies import probe
from tests.probes.written_attention import Attention, fused, result_of, total, values

ONE_COPY = 2 * 4 * 16 * 8 * 4  # [B, H, S, D] in float32


def repeated(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    key, value = (part[:, :2].repeat_interleave(2, dim=1) for part in (key, value))
    return fused(query, key, value)


def expanded_and_reshaped(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    def repeat(part: Tensor) -> Tensor:
        return part[:, :2, None].expand(-1, -1, 2, -1, -1).flatten(1, 2)

    return fused(query, repeat(key), repeat(value))


def grouped(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    return fused(query, key[:, :2], value[:, :2], enable_gqa=True)


@pytest.mark.parametrize("attend", [repeated, expanded_and_reshaped])
def test_both_copies_count(attend: object) -> None:
    result = result_of(probe, Attention(attend))  # type: ignore[arg-type]
    assert values(result, "expanded_kv_bytes") == [2 * ONE_COPY]
    assert total(result, "expanded_kv_bytes") == 2 * ONE_COPY


@pytest.mark.parametrize("attend", [grouped, fused])
def test_heads_that_the_kernel_shares_are_not_copied(attend: object) -> None:
    assert values(result_of(probe, Attention(attend)), "expanded_kv_bytes") == [0]  # type: ignore[arg-type]
