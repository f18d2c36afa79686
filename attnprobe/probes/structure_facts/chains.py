"""How self-attentions follow one another in a trace."""

from __future__ import annotations

from collections.abc import Collection

from attnprobe.records import AttentionSite, Trace

_LONG, _MOST = 8, 0.75  # tokens; visible pairs: of 8 tokens 43 of 64


def longest_chain(trace: Trace) -> int:
    """Most self-attentions on one path from the inputs to the outputs."""
    ends = {
        core.value_ops[-1]
        for site, core in zip(trace.sites, trace.cores, strict=True)
        if site.role == "self" and core.value_ops
    }
    length: dict[int, int] = {}  # tensor -> self-attentions before it
    for op in trace.ops[: trace.forward_end]:
        longest = max((length.get(t, 0) for t in op.inputs), default=0) + (op.index in ends)
        if longest:
            for tensor in (*op.outputs, *op.writes):
                length[tensor] = max(longest, length.get(tensor, 0))
    return max(length.values(), default=0)


def causal_share(
    trace: Trace, reached: Collection[int] | None = None, *, is_near_enough: bool = False
) -> float | None:
    """Share of self-attentions with a causal mask; None when there are none.

    Args:
        reached: Only those whose queries are among these tensors.
        is_near_enough: Masks that show all of the past and one token of the future count as well.
    """
    sites = [
        site
        for site, core in zip(trace.sites, trace.cores, strict=True)
        if _has_order(site) and (reached is None or (core.parts or (core,))[0].query in reached)
    ]
    causal = [site for site in sites if site.is_causal or (is_near_enough and _is_one_off(site))]
    return len(causal) / len(sites) if sites else None


def _is_one_off(site: AttentionSite) -> bool:
    """All of the past and the next token: what a triangle with a wrong diagonal shows."""
    share = 1.0 if site.visible_share is None else site.visible_share
    return site.window_right == 1 and site.window_left is None and site.q_len >= _LONG and share < _MOST


def reached_from(trace: Trace, inputs: Collection[str]) -> set[int]:
    """All tensors of the forward that are computed from some inputs."""
    names = {f"input:{name}" for name in inputs}
    found = {tensor.id for tensor in trace.tensors if tensor.origin in names}
    for op in trace.ops[: trace.forward_end]:
        if not found.isdisjoint(op.inputs):
            found.update((*op.outputs, *op.writes))
    return found


def _has_order(site: AttentionSite) -> bool:
    return site.role == "self" and site.q_len > 1 and site.kv_len > 1
