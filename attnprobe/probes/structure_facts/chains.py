"""How self-attentions follow one another in a trace."""

from __future__ import annotations

from collections.abc import Collection

from attnprobe.records import AttentionSite, Trace


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


def causal_share(trace: Trace, reached: Collection[int] | None = None) -> float | None:
    """Share of self-attentions with a causal mask; None when there are none.

    Args:
        reached: Only those whose queries are among these tensors.
    """
    sites = [
        site
        for site, core in zip(trace.sites, trace.cores, strict=True)
        if _has_order(site) and (reached is None or (core.parts or (core,))[0].query in reached)
    ]
    return sum(bool(site.is_causal) for site in sites) / len(sites) if sites else None


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
