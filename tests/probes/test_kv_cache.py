"""Bytes of the key-value cache: 2 · G · D · bytes per token, where there is one."""

from __future__ import annotations

from typing import Any

import pytest

from attnprobe.probes.kv_cache import probe
from attnprobe.records import ProbeResult
from tests.probes.hand_traces import Sketch, dot_product


def result_of(*, dtype: str = "bfloat16", site: dict[str, Any] | None = None, **core: Any) -> ProbeResult:
    """One site of 8 query heads on 2 key heads of width 64, 128 tokens."""
    sketch = Sketch()
    query = sketch.tensor(2, 8, 128, 64, dtype=dtype)
    key, cached = sketch.tensor(2, 2, 128, 64, dtype=dtype), sketch.tensor(2, 2, 128, 64, dtype=dtype)
    op = sketch.op("aten.bmm.default", query, key)
    fields: dict[str, Any] = {
        "key": key.id,
        "value": cached.id,
        "num_heads": 8,
        "num_kv_heads": 2,
        "head_dim": 64,
        "value_dim": 64,
        "q_len": 128,
        "kv_len": 128,
    }
    made = dot_product(score_ops=[op], **{**fields, **core})
    sketch.site(made, {"scores": [op]}, **{"is_causal": True, **(site or {})})
    return probe.run(sketch.subject())


def values(result: ProbeResult, site: str = "attn") -> dict[str, float | None]:
    return {m.metric: m.value for m in result.measurements if m.site == site}


def test_a_token_needs_its_key_and_its_value() -> None:
    assert values(result_of()) == {
        "kv_cache_bytes_per_token": 2 * 2 * 64 * 2,
        "kv_cache_bytes": 2 * 2 * 64 * 2 * 128,
    }


def test_keys_and_values_may_differ_in_width() -> None:
    found = values(result_of(dtype="float32", head_dim=192, value_dim=128, num_kv_heads=16))
    assert found["kv_cache_bytes_per_token"] == 4 * 16 * (192 + 128)


def test_a_window_bounds_the_cache() -> None:
    found = values(result_of(site={"window_left": 31}))  # 31 before it and itself
    assert found["kv_cache_bytes"] == found["kv_cache_bytes_per_token"] * 32


def test_a_decoding_step_has_a_cache_without_a_mask() -> None:
    assert "kv_cache_bytes" in values(result_of(site={"is_causal": False}, q_len=1))


@pytest.mark.parametrize(
    ("site", "core", "reason"),
    [
        ({"is_causal": False}, {}, "not causal"),
        ({"is_causal": None}, {}, "not known"),
        ({}, {"mechanism": "linear"}, "linear attention does not read all former keys"),
        ({}, {"role": "channel"}, "channel attention has no sequence of keys"),
        ({}, {"windows": 4}, "within windows"),
        ({}, {"key": None}, "not one tensor"),
    ],
)
def test_a_site_without_a_cache_says_why(site: dict[str, Any], core: dict[str, Any], reason: str) -> None:
    result = result_of(site=site, **core)
    assert result.measurements == ()
    of_site = [m for m in result.not_measured if m.site]
    assert {m.metric for m in of_site} == {"kv_cache_bytes_per_token", "kv_cache_bytes"}
    assert all(reason in m.reason for m in of_site)
    assert {m.metric for m in result.not_measured if not m.site} == {m.metric for m in of_site}


def test_cross_attention_keeps_the_other_sequence_once() -> None:
    result = result_of(role="cross", kv_len=50)
    assert values(result) == {"cross_kv_bytes": 2 * 2 * 64 * 2 * 50}
    assert "cross_kv_bytes" in result.not_measured[0].reason


def test_the_model_needs_the_sum_of_its_sites() -> None:
    assert values(result_of(), "")["kv_cache_bytes_per_token"] == 512
