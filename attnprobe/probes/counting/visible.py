"""How many pairs of query and key an attention can use, and how many its kernel computes."""

from __future__ import annotations

from functools import lru_cache

from attnprobe.probes.counting.formulas import is_fused_attention, packet
from attnprobe.records import AttentionSite, Core, Trace

_TOP_LEFT = "aten._scaled_dot_product"  # the first query sees the first key; elsewhere the last sees the last
_CPU_FLASH = "aten._scaled_dot_product_flash_attention_for_cpu"
_DENSE = frozenset({"aten._scaled_dot_product_attention_math", "aten._native_multi_head_attention",
                    "aten._transformer_encoder_layer_fwd"})  # fmt: skip
_CPU_KEY_BLOCK = 512


@lru_cache(maxsize=4096)
def band_pairs(q_len: int, kv_len: int, left: int | None, right: int | None, offset: int = 0) -> int:
    """Pairs (i, j) with i + offset - left <= j <= i + offset + right; None: no limit on that side.

    Causal attention is right = 0; offset kv_len - q_len aligns the last query with the last key.
    """
    pairs = 0
    for query in range(q_len):
        first = 0 if left is None else max(0, query + offset - left)
        last = kv_len - 1 if right is None else min(kv_len - 1, query + offset + right)
        pairs += max(0, last - first + 1)
    return pairs


@lru_cache(maxsize=4096)
def cpu_flash_pairs(q_len: int, kv_len: int) -> int:
    """Pairs that torch's CPU flash kernel computes with `is_causal`: it skips whole blocks of keys only.

    Queries go in blocks of 256 (768 queries or more), 64 (192 or more) or 32; keys in blocks of 512. A
    block of queries visits every block of keys that begins before its last query. So up to 512 keys nothing
    is saved. Source: torch 2.13, aten/src/ATen/native/cpu/FlashAttentionKernel.cpp, cpu_flash_attention.
    """
    rows = 256 if q_len >= 768 else 64 if q_len >= 192 else 32
    pairs = 0
    for start in range(0, q_len, rows):
        block = min(rows, q_len - start)
        reached = min(start + block, kv_len)
        pairs += block * min(kv_len, -(-reached // _CPU_KEY_BLOCK) * _CPU_KEY_BLOCK)
    return pairs


def visible_share(trace: Trace, site: AttentionSite, core: Core) -> float | None:
    """Share of the L x S pairs that flag or masks let through; None when a mask's values were not seen.

    Linear attention has no pairs: all that it computes is useful.
    """
    if core.mechanism == "linear":
        return 1.0
    masks = [trace.ops[index].mask for index in core.mask_ops]
    if core.is_causal_flag and not masks:
        offset = 0 if _fused_name(trace, core).startswith(_TOP_LEFT) else core.kv_len - core.q_len
        return _share(core, band_pairs(core.q_len, core.kv_len, None, 0, offset))
    if len(masks) == 1 and masks[0] is not None and not core.is_causal_flag:
        return masks[0].visible_share
    return site.visible_share


def executed_share(trace: Trace, site: AttentionSite, core: Core) -> float | None:
    """Share of the L x S pairs that the kernel computes; None when it skips blocks by a rule that is not
    known.

    Matrix products and dense kernels compute all of them, whatever the mask.
    """
    name = _fused_name(trace, core)
    if not name or name in _DENSE:
        return 1.0
    if name == _CPU_FLASH and core.is_causal_flag:
        return _share(core, cpu_flash_pairs(core.q_len, core.kv_len))
    has_window = not core.mask_ops and site.visible_share is not None and site.visible_share < 1
    return None if core.is_causal_flag or has_window or name == "flex_attention" else 1.0


def _share(core: Core, pairs: int) -> float:
    return pairs / (core.q_len * core.kv_len) if core.q_len and core.kv_len else 0.0


def _fused_name(trace: Trace, core: Core) -> str:
    """Name of the fused op that is the core; "" for a core of several ops."""
    name = trace.ops[core.score_ops[0]].name if core.score_ops else ""
    return packet(name) if is_fused_attention(name) else ""
