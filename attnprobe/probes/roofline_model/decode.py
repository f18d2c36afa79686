"""One decoding step: one new token per sequence, the cache of the scanned length read once."""

from __future__ import annotations

from collections.abc import Iterable

from attnprobe.probes.counting.call import OpCall
from attnprobe.probes.counting.op_classes import op_class
from attnprobe.probes.counting.tally import TraceFlops
from attnprobe.probes.decoding.cache import cached_tokens, key_value_bytes, why_not_cached
from attnprobe.probes.roofline_model.work import Work
from attnprobe.records import Trace


def site_decode(index: int, calls: Iterable[OpCall], trace: Trace, counted: TraceFlops) -> tuple[Work, ...]:
    """Work of one site for one token: its projections, then its core; empty when it has no cache."""
    site = trace.sites[index]
    if why_not_cached(site):
        return ()
    own = [call for call in calls if trace.site_of_op.get(call.op.index) == (index, "projections")]
    return (*_products(own, trace, counted, max(1, site.q_len)), *_core(index, trace))


def model_decode(calls: Iterable[OpCall], trace: Trace, counted: TraceFlops) -> tuple[Work, ...]:
    """Work of the whole model for one token; empty unless every site has a cache."""
    if not trace.sites or any(why_not_cached(site) for site in trace.sites):
        return ()
    tokens = max(1, max(site.q_len for site in trace.sites))
    core = {"scores", "normaliser", "values"}
    products = [call for call in calls if trace.site_of_op.get(call.op.index, (0, ""))[1] not in core]
    cores = [work for index in range(len(trace.sites)) for work in _core(index, trace)]
    return (*_products(products, trace, counted, tokens), *cores)


def _products(calls: Iterable[OpCall], trace: Trace, counted: TraceFlops, tokens: int) -> list[Work]:
    """Products with weights for one token: their FLOPs shrink with the tokens, the weights are read whole."""
    weights = {t.storage for t in trace.tensors if t.origin.startswith("parameter:")}
    works = []
    for call in calls:
        if op_class(call.op.name) != "contraction":
            continue
        read = {t.storage: t for t in call.inputs if t.storage in weights}
        if read:
            flops = counted.per_op[call.op.index].total / tokens
            dtype = next(iter(read.values())).dtype
            works.append(Work(flops, sum(t.storage_bytes for t in read.values()), dtype))
    return works


def _core(index: int, trace: Trace) -> tuple[Work, ...]:
    """The new token against the cache: 2 H S (D + D_v) FLOPs and all kept keys and values, per sequence."""
    site, core = trace.sites[index], trace.cores[index]
    per_token = key_value_bytes(trace, core)
    if per_token is None or core.key is None:
        return ()
    keys = cached_tokens(site)
    flops = 2 * core.batch * core.num_heads * keys * (core.head_dim + core.value_dim)
    return (Work(flops, core.batch * keys * per_token, trace.tensors[core.key].dtype),)
