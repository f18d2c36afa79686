"""Which sites can keep their keys and values from token to token, and how big those are."""

from __future__ import annotations

from attnprobe.records import AttentionSite, Core, Trace


def why_not_cached(site: AttentionSite) -> str:
    """Why a site has no key-value cache; "" when it has one."""
    if site.role == "cross":
        return "cross-attention: its keys come from another sequence and do not grow (see cross_kv_bytes)"
    if site.role != "self":
        return f"{site.role} attention has no sequence of keys that grows token by token"
    if site.mechanism not in ("dot_product", "talking_heads"):
        return f"{site.mechanism} attention does not read all former keys and values for a new token"
    if site.windows > 1:
        return "tokens attend within windows of the input, not to all that came before"
    if site.is_causal or site.q_len < site.kv_len:
        return ""
    if site.is_causal is None:
        return "whether it is causal is not known: the values of its mask were not seen"
    return "not causal: a new token changes what earlier ones see, so nothing can be kept"


def cached_tokens(site: AttentionSite) -> int:
    """Keys that a new token needs at the scanned length: all, or those in the window and itself."""
    return site.kv_len if site.window_left is None else min(site.kv_len, site.window_left + 1)


def key_value_bytes(trace: Trace, core: Core) -> int | None:
    """Bytes of the key and the value of one token: G · (D + D_v) · bytes per element.

    None when the core has no single key or value tensor.
    """
    if core.key is None or core.value is None:
        return None
    key, value = trace.tensors[core.key], trace.tensors[core.value]
    return core.num_kv_heads * (core.head_dim * key.itemsize + core.value_dim * value.itemsize)
