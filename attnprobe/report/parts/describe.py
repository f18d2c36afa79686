"""What an attention site is, in words."""

from __future__ import annotations

from attnprobe.records import AttentionSite
from attnprobe.report.parts.catalogue import Text, Words, both, join, say, say_or
from attnprobe.report.parts.quantities import UNKNOWN, count, percent, plain
from attnprobe.report.parts.safe_text import safe

_KINDS = {"dot_product", "talking_heads", "linear", "additive"}  # that have heads


def heads(site: AttentionSite) -> str:
    """ "16" or, where heads share keys and values, "16 / 4"."""
    if site.num_heads == site.num_kv_heads:
        return count(site.num_heads)
    return f"{count(site.num_heads)} / {count(site.num_kv_heads)}"


def lengths(site: AttentionSite) -> str:
    """ "2,048 × 2,048": queries by keys."""
    return f"{count(site.q_len)} × {count(site.kv_len)}"


def kernel(site: AttentionSite) -> str:
    """The kernel's name without the parts that all have: "flash_attention_for_cpu"."""
    name = safe(site.kernel)
    return name.removeprefix("aten._").removeprefix("aten.").removeprefix("scaled_dot_product_") or UNKNOWN


def title(site: AttentionSite) -> Text:
    """ "Causal self-attention": mask and role in words."""
    key = "site.causal_self" if site.role == "self" and site.is_causal else f"role.{site.role}"
    return say(key)


def description(site: AttentionSite) -> Text:
    """ "Causal self-attention · multi-head dot product": once where both say the same."""
    role, mechanism = title(site), kind(site)
    return role if role.en.lower() == mechanism.en.lower() else join((role, mechanism), "list.dot")


def kind(site: AttentionSite) -> Text:
    """ "grouped-query dot product, softmax": the mechanism in words."""
    mechanism = say_or(f"mechanism.{site.mechanism}", safe(site.mechanism).replace("_", " "))
    if site.mechanism not in _KINDS:
        return both(mechanism)
    shared = site.num_heads != site.num_kv_heads
    key = "single" if site.num_heads == 1 else "multi" if not shared else "grouped"
    if shared and site.num_kv_heads == 1:
        key = "multi_query"
    return say(f"kind.{key}", mechanism=mechanism)


def mask(site: AttentionSite) -> Text:
    """What the mask lets through, in words, with the share of the pairs."""
    if site.window_left is not None or site.window_right is not None:
        text = say("mask.window", left=_reach(site.window_left), right=_reach(site.window_right))
        if site.is_causal and site.window_left is not None:
            text = say("mask.causal_window", size=count(site.window_left + 1))
    else:
        text = say({True: "mask.causal", False: "mask.full", None: "mask.unknown"}[site.is_causal])
    if site.visible_share in (None, 1.0) or site.is_causal is None:
        return text
    return say("mask.with_share", mask=text, share=percent(site.visible_share))


def scale(site: AttentionSite) -> Words:
    """The factor of the scores, beside the usual one when it is that."""
    if site.scale is None:
        return say("scale.unknown")
    if site.head_dim > 0 and abs(site.scale * site.head_dim**0.5 - 1) < 1e-4:
        return f"{plain(site.scale)} = 1/√{site.head_dim}"
    return say("scale.none") if site.scale == 1 else plain(site.scale)


def _reach(window: int | None) -> Words:
    return say("mask.unlimited") if window is None else count(window)
