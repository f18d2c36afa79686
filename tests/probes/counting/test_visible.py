"""Which pairs of query and key are visible, and which a kernel computes."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attnprobe.probes.counting.visible import band_pairs, cpu_flash_pairs, executed_share, visible_share
from attnprobe.records import MaskSummary
from tests.probes.hand_traces import Sketch, dot_product

CPU_FLASH = "aten._scaled_dot_product_flash_attention_for_cpu.default"
LENGTHS = st.integers(min_value=1, max_value=40)
SIDES = st.none() | st.integers(min_value=0, max_value=45)


def test_causal_attention_sees_the_lower_triangle() -> None:
    assert band_pairs(4, 4, None, 0) == 1 + 2 + 3 + 4
    assert band_pairs(128, 128, None, 0) == 128 * 129 // 2


def test_a_window_of_three_keys_sees_three_but_for_the_first_queries() -> None:
    assert band_pairs(5, 5, 2, 0) == 1 + 2 + 3 + 3 + 3


def test_more_keys_than_queries_are_aligned_as_the_kernel_does_it() -> None:
    assert band_pairs(2, 5, None, 0) == 1 + 2  # torch: the first query sees the first key
    assert band_pairs(2, 5, None, 0, offset=3) == 4 + 5  # flash-attn: the last query sees the last key


@given(q_len=LENGTHS, kv_len=LENGTHS, left=SIDES, right=SIDES, offset=st.integers(-40, 40))
def test_pairs_are_those_of_a_mask_written_out(
    q_len: int, kv_len: int, left: int | None, right: int | None, offset: int
) -> None:
    visible = [
        (i, j)
        for i in range(q_len)
        for j in range(kv_len)
        if (left is None or j >= i + offset - left) and (right is None or j <= i + offset + right)
    ]
    assert band_pairs(q_len, kv_len, left, right, offset) == len(visible)


@pytest.mark.parametrize(
    ("q_len", "kv_len", "expected"),
    [
        (128, 128, 128 * 128),  # one block of keys: nothing is skipped
        (512, 512, 512 * 512),
        # 700 queries in blocks of 64: the first 8 blocks (512) see 512 keys, the rest all 700
        (700, 700, 512 * 512 + 188 * 700),
        # 1024 queries in blocks of 256: two see 512 keys, two see 1024
        (1024, 1024, 512 * 512 + 512 * 1024),
        # 2048: pairs of blocks see 512, 1024, 1536, 2048 keys
        (2048, 2048, 512 * (512 + 1024 + 1536 + 2048)),
        # keys beyond the last query are never visited, past the end of its block
        (512, 2048, 512 * 512),
    ],
)
def test_the_cpu_kernel_skips_whole_blocks_of_512_keys(q_len: int, kv_len: int, expected: int) -> None:
    assert cpu_flash_pairs(q_len, kv_len) == expected


@given(q_len=st.integers(1, 3000), kv_len=st.integers(1, 3000))
def test_the_cpu_kernel_computes_at_least_what_is_visible_and_at_most_all(q_len: int, kv_len: int) -> None:
    assert band_pairs(q_len, kv_len, None, 0) <= cpu_flash_pairs(q_len, kv_len) <= q_len * kv_len


def mask(share: float) -> MaskSummary:
    return MaskSummary(
        shape=(16, 16),
        dtype="bool",
        visible_share=share,
        visible_pairs=int(256 * share),
        is_causal=False,
        window_left=None,
        window_right=None,
        fully_masked_rows=0,
        lowest=0.0,
    )


def fused(name: str = CPU_FLASH, summary: MaskSummary | None = None, site: Any = None, **core: Any) -> Any:
    """(trace, site, core) of one fused op on [2, 4, 16, 8]."""
    sketch = Sketch()
    query = sketch.tensor(2, 4, 16, 8)
    op = sketch.op(name, query, query, query, mask=summary)
    masks = (op,) if summary else ()
    made = dot_product(score_ops=[op], **{"mask_ops": masks, **core})
    sketch.site(made, {"scores": [op]}, **(site or {}))
    trace = sketch.trace()
    return trace, trace.sites[0], made


def test_a_causal_flag_shows_the_triangle() -> None:
    assert visible_share(*fused(is_causal_flag=True)) == 136 / 256


def test_a_flag_of_flash_attn_is_aligned_at_the_end() -> None:
    trace, site, core = fused(
        "flash_attn._flash_attn_forward.default", is_causal_flag=True, q_len=2, kv_len=5
    )
    assert visible_share(trace, site, core) == 9 / 10


def test_a_mask_shows_what_its_values_say() -> None:
    assert visible_share(*fused(summary=mask(0.25))) == 0.25


def test_a_mask_whose_values_were_not_seen_has_no_share() -> None:
    trace, site, core = fused(mask_ops=(0,), site={"visible_share": None})
    assert visible_share(trace, site, core) is None


def test_linear_attention_has_no_pairs_to_hide() -> None:
    assert visible_share(*fused("aten.bmm.default", mask(0.5), mechanism="linear")) == 1.0


def test_products_and_masked_kernels_compute_every_pair() -> None:
    assert executed_share(*fused(summary=mask(0.25))) == 1.0
    assert executed_share(*fused("aten.bmm.default", summary=mask(0.5))) == 1.0
    assert executed_share(*fused("aten.bmm.default", is_causal_flag=True)) == 1.0


def test_the_cpu_kernel_with_a_flag_follows_its_block_rule() -> None:
    trace, site, core = fused(is_causal_flag=True, q_len=1024, kv_len=1024)
    assert executed_share(trace, site, core) == 0.75


@pytest.mark.parametrize(
    ("name", "core", "site"),
    [
        ("aten._scaled_dot_product_flash_attention.default", {"is_causal_flag": True}, {}),
        ("flash_attn._flash_attn_forward.default", {}, {"visible_share": 0.3}),  # a window
        ("flex_attention", {}, {}),
    ],
)
def test_what_a_gpu_kernel_skips_is_not_known(name: str, core: dict[str, Any], site: dict[str, Any]) -> None:
    assert executed_share(*fused(name, site=site, **core)) is None
