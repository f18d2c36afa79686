"""Attention calls put together by hand, and what a probe makes of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from attnprobe.observing.calls import AttentionCall, Batch
from attnprobe.observing.fused_map import FusedMap
from attnprobe.observing.maps import AttentionMap, GivenMap
from attnprobe.observing.rows import row_blocks
from attnprobe.observing.watcher import Watcher
from attnprobe.records import (
    AttentionSite,
    LoadedModel,
    NotMeasured,
    Probe,
    ProbeResult,
    ScanOptions,
    Subject,
    Trace,
)

OPTIONS = ScanOptions(target="model.py")
LOADED = LoadedModel(
    module=torch.nn.Identity(), args=(), kwargs={}, target="model.py", entry="model.py", inputs=()
)


def site(name: str = "attn", heads: int = 1, **changes: Any) -> AttentionSite:
    """A self-attention that is not causal."""
    plain = AttentionSite(
        id=name,
        module=name,
        module_class="Attention",
        call=0,
        mechanism="dot_product",
        normaliser="softmax",
        role="self",
        kernel="math",
        num_heads=heads,
        num_kv_heads=heads,
        head_dim=4,
        value_dim=4,
        batch=1,
        windows=1,
        q_len=2,
        kv_len=2,
        is_causal=False,
        window_left=None,
        window_right=None,
        visible_share=1.0,
        scale=0.5,
        dropout=0.0,
        projections={},
        projection_rows={},
        location=None,
        group=name,
    )
    return replace(plain, **changes)


def written(weights: Sequence[Any], *, is_causal: bool = False, is_softmax: bool = True) -> GivenMap:
    """A map from its numbers, [H, L, S] or [N, H, L, S]; its scores are their logarithms."""
    tensor = torch.tensor(weights)
    tensor = tensor if tensor.dim() == 4 else tensor[None]
    keys = torch.ones_like(tensor, dtype=torch.bool)
    keys = keys.tril() if is_causal else keys
    scores = torch.where(keys, tensor.clamp(min=1e-30).log(), -torch.inf)
    return GivenMap(tensor, scores, is_softmax=is_softmax, is_causal=is_causal, width=4)


def drawn(seed: int, *, samples: int = 2, heads: int = 3, length: int = 17, spread: float = 2.0) -> FusedMap:
    """A causal map of random queries and keys."""
    generator = torch.Generator().manual_seed(seed)
    query, key = (torch.randn(samples, heads, length, 8, generator=generator) for _ in range(2))
    groups = tuple(range(heads))
    return FusedMap(query * spread, key, groups, mask=None, is_causal=True, scale=8**-0.5)


def call_of(attention: AttentionMap | None, of: AttentionSite, index: int = 0, **given: Any) -> AttentionCall:
    """One call of one batch."""
    batch = given.pop("batch", None) or Batch(number=0, model=LOADED)
    call = AttentionCall(site=of, index=index, batch=batch, map=attention, **given)
    if attention is not None and call.query_tokens is not None:
        attention.row_weights = call.query_tokens.float()
    return call


def show(watcher: Any, *calls: AttentionCall) -> Any:
    """All calls of one batch, as the instrumented run shows them."""
    with torch.no_grad():
        for call in calls:
            watcher.attention(call)
            if call.map is not None:
                for block in row_blocks(call, call.map, seed=0):
                    watcher.rows(call, block)
        watcher.after_batch(calls[0].batch)
    return watcher


def look(probe: Probe, *calls: AttentionCall) -> ProbeResult:
    """What a probe finds in one batch of calls, one per site."""
    subject = Subject(trace=trace_of([call.site for call in calls]), options=OPTIONS, model=LOADED)
    assert probe.watch is not None
    subject.watched = {probe.name: show(probe.watch(subject), *calls)}
    return probe.run(subject)


def trace_of(sites: Sequence[AttentionSite], **changes: Any) -> Trace:
    """A trace that knows its sites and nothing else."""
    plain = Trace(
        ops=(),
        tensors=(),
        events=(),
        sites=tuple(sites),
        cores=(),
        site_of_op={},
        blind_spots=(),
        module_classes={},
        parameters={},
        forward_end=0,
        loss_end=0,
        output_storages=frozenset(),
        is_fake=False,
        train=False,
        backward=True,
        seconds=0.0,
        length_dims={},
    )
    return replace(plain, **changes)


def heads_of(result: ProbeResult, metric: str, name: str = "attn") -> list[float]:
    """A metric by head."""
    found = [m for m in result.measurements if (m.metric, m.site) == (metric, name)]
    assert len(found) == 1, f"{metric} of {name}: {found or gap(result, metric, name)}"
    return [float("nan") if value is None else float(value) for value in found[0].per_head]


def number(result: ProbeResult, metric: str, name: str = "attn") -> float:
    """A metric of a site; "" for the model."""
    found = [m for m in result.measurements if (m.metric, m.site) == (metric, name)]
    assert len(found) == 1, f"{metric} of {name}: {found or gap(result, metric, name)}"
    assert found[0].value is not None
    return float(found[0].value)


def gap(result: ProbeResult, metric: str, name: str = "attn") -> str:
    """Why a metric is missing."""
    found: list[NotMeasured] = [n for n in result.not_measured if (n.metric, n.site) == (metric, name)]
    assert len(found) == 1, f"{metric} of {name} is not missing"
    return found[0].reason


def merging_is_one_pass(make: type[Watcher]) -> bool:
    """Whether two watchers of a batch each hold, merged, what one of both holds. Lengths differ."""
    of = site(heads=3)
    batches = [
        [call_of(drawn(seed, length=length), of, batch=Batch(number=0, model=LOADED))]
        for seed, length in ((0, 17), (1, 5))
    ]
    whole, one, other = make(), make(), make()
    for number_, calls in enumerate(batches):
        show(whole, *calls)
        show(other if number_ else one, *calls)
    one.merge(other)
    assert whole.sums._sums.keys() == one.sums._sums.keys() != set()
    return all(
        torch.allclose(value, found[key], rtol=1e-12)
        for known, found in ((whole.sums._sums, one.sums._sums), (whole.sums._maxima, one.sums._maxima))
        for key, value in known.items()
    )


def tokens(*rows: Sequence[int]) -> Tensor:
    """A padding mask, 1 for real tokens."""
    return torch.tensor(rows).bool()
