"""The attention sites, before and after: added, removed, renamed, changed in what they do or cost."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from attnprobe.comparing.aligning import Pair, aligned
from attnprobe.comparing.directions import relative_change, verdict_of
from attnprobe.comparing.obstacles import Obstacles
from attnprobe.name_patterns import common_pattern, numberless
from attnprobe.records import AttentionSite, Change, Number, Scan, Verdict

_FIELDS = (
    *(
        "module_class",
        "mechanism",
        "normaliser",
        "role",
        "num_heads",
        "num_kv_heads",
        "head_dim",
        "value_dim",
    ),
    *("is_causal", "scale", "dropout"),
)
_SIZES = ("batch", "windows", "q_len", "kv_len")  # of the workload as well as of the model
_COSTS = ("flops_forward", "activation_bytes", "kv_cache_bytes_per_token")


@dataclass(frozen=True, slots=True)
class _Difference:
    """What several sites may have in common."""

    stack: str
    name: str  # field, metric, or "" for a site that came or went
    base: Number | str | None
    head: Number | str | None
    verdict: Verdict
    reason: str = ""


def site_changes(base: Scan | None, head: Scan, obstacles: Obstacles | None) -> Iterator[Change]:
    """One change for all sites of a stack that changed in the same way; nothing for those that did not."""
    sites = () if base is None else base.sites
    found: dict[_Difference, list[str]] = {}
    for pair in aligned(sites, head.sites):
        for difference in _differences(pair, head, obstacles):
            found.setdefault(difference, []).append(pair.site.id)
    for difference, ids in found.items():
        yield _change(difference, common_pattern(ids))


def _change(difference: _Difference, where: str) -> Change:
    base, head = difference.base, difference.head
    both = isinstance(base, int | float) and isinstance(head, int | float)
    return Change(
        kind="site",
        name=difference.name if both else where,
        where=where,
        base=base,
        head=head,
        relative=relative_change(base, head) if both else None,  # type: ignore[arg-type]
        verdict=difference.verdict,
        reason=difference.reason,
    )


def _differences(pair: Pair, head: Scan, obstacles: Obstacles | None) -> Iterator[_Difference]:
    stack = numberless(pair.site.id)
    if pair.base is None or pair.head is None:
        text = described(pair.site)
        came = pair.base is None
        yield _Difference(
            stack, "", None if came else text, text if came else None, "added" if came else "removed"
        )
        return
    if numberless(pair.base.id) != stack:
        yield _Difference(stack, "id", f"id {numberless(pair.base.id)}", f"id {stack}", "changed", "renamed")
    assert obstacles is not None
    yield from _fields(pair.base, pair.head, stack, obstacles)
    yield from _costs(pair.base, pair.head, stack, head, obstacles)


def _fields(
    base: AttentionSite, head: AttentionSite, stack: str, obstacles: Obstacles
) -> Iterator[_Difference]:
    comparable = [*_FIELDS]
    if not obstacles.sizes:
        comparable += _SIZES
    if not obstacles.kernels:
        comparable.append("kernel")
    values = [(name, getattr(base, name), getattr(head, name)) for name in comparable]
    for name, before, after in (*values, ("window", _window(base), _window(head))):
        if before != after:
            texts = (f"{name} {_text(before)}", f"{name} {_text(after)}")
            lost = name == "kernel" and is_fused(before) and not is_fused(after)
            won = name == "kernel" and is_fused(after) and not is_fused(before)
            yield _Difference(stack, name, *texts, "worse" if lost else "better" if won else "changed")


def _costs(
    base: AttentionSite, head: AttentionSite, stack: str, scan: Scan, obstacles: Obstacles
) -> Iterator[_Difference]:
    for name in _COSTS:
        before, after, metric = base.metrics.get(name), head.metrics.get(name), scan.metrics.get(name)
        if before is None or after is None or metric is None or obstacles.of(metric):
            continue
        verdict = verdict_of(metric, before, after)
        if verdict != "same":
            yield _Difference(stack, name, before, after, verdict)


def is_fused(kernel: str) -> bool:
    """Whether scores, normaliser and values run in one kernel."""
    return not kernel.startswith(("unfused", "math"))


def described(site: AttentionSite) -> str:
    """ "dot_product, 32 heads over 8, window 512"."""
    heads = f"{site.num_heads} heads" if site.num_heads > 1 else "1 head"
    if 0 < site.num_kv_heads < site.num_heads:
        heads += f" over {site.num_kv_heads}"
    window = "" if _window(site) is None else f"window {_window(site)}"
    role = site.role if site.role != "self" else ""
    return ", ".join(part for part in (site.mechanism, role, heads, window) if part)


def _window(site: AttentionSite) -> int | None:
    """How many keys a query sees at most; None without a window."""
    if site.window_left is None:
        return None
    return site.window_left + (site.window_right or 0) + 1


def _text(value: object) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.6g}" if isinstance(value, float) else str(value)
