"""Live tensors of a site become an `AttentionCall`: canonical layout, a map to ask, checked on the output."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import torch
from torch import Tensor

from attnprobe.observing.calls import AttentionCall, Batch
from attnprobe.observing.fused_map import FusedMap
from attnprobe.observing.layout import Arrangement, arrangement, canonical, groups_of_heads, without_copies
from attnprobe.observing.maps import AttentionMap, GivenMap
from attnprobe.observing.observer import Held, KernelArguments, SiteTensors
from attnprobe.observing.padding import tokens_of
from attnprobe.records import AttentionSite, Core

LETTERS = {
    "query": ("l", "d"),
    "key": ("s", "d"),
    "value": ("s", "d"),
    "output": ("l", "d"),
    "weights": ("l", "s"),
    "scores": ("l", "s"),
}
_CHECKED_QUERIES = 64
_TOLERANCES = {torch.float64: 1e-3, torch.float32: 1e-3, torch.float16: 2e-2, torch.bfloat16: 5e-2}


@dataclass(frozen=True, slots=True)
class Part:
    """One role of a site's core, canonical."""

    tensor: Tensor
    arranged: Arrangement  # of the first part


def attention_call(
    site: AttentionSite, tensors: SiteTensors, batch: Batch, *, train: bool, with_map: bool = True
) -> AttentionCall:
    """The call as watchers see it. Where the map cannot be had, `missing` says why."""
    parts = {role: found for role in LETTERS if (found := _joined(tensors, role)) is not None}
    heads = _num_heads(parts, site)
    call = AttentionCall(
        site=site,
        index=tensors.index,
        batch=batch,
        query=_tensor(parts, "query"),
        key=_distinct(parts, "key"),
        value=_distinct(parts, "value"),
        output=_tensor(parts, "output"),
        group_of_head=_groups(parts, heads),
        windows=site.windows,
    )
    known = next((t for t in (call.output, call.query, call.value) if t is not None), None)
    count = known.shape[0] if known is not None else site.batch
    call.samples = max(count // max(site.windows, 1), 1)
    if site.windows == 1 and site.role in ("self", "cross"):
        call.query_tokens = tokens_of(batch.padding, count, _length(call.output, call.query))
        call.key_tokens = tokens_of(batch.padding, count, _length(call.value, call.key))
    if with_map:
        _give_map(call, parts, tensors, train)
    return call


def _length(*candidates: Tensor | None) -> int:
    return next((tensor.shape[2] for tensor in candidates if tensor is not None), 0)


def _tensor(parts: dict[str, Part], role: str) -> Tensor | None:
    return parts[role].tensor if role in parts else None


def _distinct(parts: dict[str, Part], role: str) -> Tensor | None:
    part = parts.get(role)
    if part is None:
        return None
    return distinct(part)


def distinct(part: Part, *, add: bool = False) -> Tensor:
    """Keys or values without the copies of their heads: the first of each, or (gradients) their sum."""
    return without_copies(part.tensor, part.arranged, add=add) if part.arranged.copies > 1 else part.tensor


def _num_heads(parts: dict[str, Part], site: AttentionSite) -> int:
    known = next((parts[role] for role in ("output", "query", "weights") if role in parts), None)
    return known.tensor.shape[1] if known is not None else site.num_heads


def _groups(parts: dict[str, Part], heads: int) -> tuple[int, ...]:
    key = parts.get("key") or parts.get("value")
    if key is None:
        return tuple(range(heads))
    if key.arranged.copies == 1 and key.tensor.shape[1] != key.arranged.sizes[1]:  # heads of several parts
        return tuple(index * key.tensor.shape[1] // heads for index in range(heads))
    return groups_of_heads(heads, key.arranged)


def _joined(tensors: SiteTensors, role: str) -> Part | None:
    held = tensors.held.get(role, [])
    if not held or any(part is None for part in held):
        return None
    present = [part for part in held if part is not None]
    return joined(tensors.core, role, present, [part.tensor.detach() for part in present])


def joined(core: Core, role: str, present: Sequence[Held], tensors: Sequence[Tensor]) -> Part | None:
    """One canonical tensor from all parts of a core: heads one after another, or stretches of queries.

    Args:
        role: "query", "key" …
        present: What each part's tensor is.
        tensors: These, or others that are laid out alike: their gradients.
    """
    rows, columns = LETTERS[role]
    arranged = [arrangement(part.operand, rows, columns) for part in present]
    cut = [canonical(tensor, own) for tensor, own in zip(tensors, arranged, strict=True)]
    if len(cut) == 1:
        return Part(cut[0], arranged[0])
    if is_cut_along_queries(core):
        is_same = all(part.tensor is present[0].tensor for part in present)
        if rows == "s":
            return Part(cut[0], arranged[0]) if is_same else None
        return Part(torch.cat(cut, 2), arranged[0]) if len({t.shape[3] for t in cut}) == 1 else None
    shapes = {(t.shape[0], *t.shape[2:]) for t in cut}
    return Part(torch.cat(cut, 1), arranged[0]) if len(shapes) == 1 else None


def is_cut_along_queries(core: Core) -> bool:
    """Whether the parts of a core are stretches of queries rather than heads."""
    return bool(core.parts) and sum(part.num_heads for part in core.parts) != core.num_heads


def _give_map(call: AttentionCall, parts: dict[str, Part], tensors: SiteTensors, train: bool) -> None:
    site = call.site
    if site.mechanism in ("linear",) or (site.role in ("channel", "spatial") and "weights" not in parts):
        call.missing = f"{site.mechanism} attention has no map of queries and keys"
        return
    found = _given(call, parts, train) if "weights" in parts else _fused(call, parts, tensors)
    if isinstance(found, str):
        call.missing = found
        return
    if call.query_tokens is not None:
        found.row_weights = call.query_tokens.float()
    is_random = train and site.dropout > 0
    reason = "" if is_random else _disagreement(call, found)
    if reason:
        call.missing = reason
    else:
        call.map = found


def _given(call: AttentionCall, parts: dict[str, Part], train: bool) -> AttentionMap | str:
    weights = parts["weights"].tensor
    scores = parts["scores"].tensor if "scores" in parts else None
    if scores is not None and scores.shape != weights.shape:
        scores = None
    is_dropped = train and call.site.dropout > 0
    is_softmax = call.site.normaliser == "softmax" and (is_dropped or _sums_to_one(weights))
    if is_dropped and not (is_softmax and scores is not None):
        return "dropout is on, and the map before it was not seen"
    return GivenMap(
        weights,
        scores,
        is_softmax=is_softmax,
        is_causal=bool(call.site.is_causal),
        width=call.value.shape[3] if call.value is not None else 64,
        from_logits=is_dropped,
    )


def _sums_to_one(weights: Tensor) -> bool:
    """Whether the weights of some queries add up over the keys: not so under a softmax over another axis."""
    sums = weights[:, :, :: max(weights.shape[2] // _CHECKED_QUERIES, 1)].float().sum(-1)
    return bool(((sums - 1).abs() < _TOLERANCES.get(weights.dtype, 5e-2)).float().mean() > 0.5)


def _fused(call: AttentionCall, parts: dict[str, Part], tensors: SiteTensors) -> AttentionMap | str:
    kernels = [kernel for kernel in tensors.kernels if kernel is not None]
    if call.query is None or call.key is None or len(kernels) != len(tensors.kernels):
        return "how its queries, keys or weights lie in memory could not be told"
    first = kernels[0]
    if len(kernels) > 1 and (is_cut_along_queries(tensors.core) or not _alike(kernels)):
        return "its parts were computed under different masks"
    mask = _mask(first.mask, tensors.held["query"][0], call)
    if isinstance(mask, str):
        return mask
    scale = first.scale if first.scale is not None else call.query.shape[3] ** -0.5
    return FusedMap(
        call.query, call.key, call.group_of_head, mask=mask, is_causal=first.is_causal, scale=scale
    )


def _alike(kernels: Sequence[KernelArguments]) -> bool:
    first = kernels[0]
    return all(
        (k.is_causal, k.scale) == (first.is_causal, first.scale)
        and (k.mask is first.mask or (k.mask is not None and _equal(k.mask, first.mask)))
        for k in kernels
    )


def _equal(one: Tensor, other: Tensor | None) -> bool:
    return other is not None and one.shape == other.shape and torch.equal(one, other)


def _mask(mask: Tensor | None, query: Held | None, call: AttentionCall) -> Tensor | str | None:
    """[N or 1, H or 1, L or 1, S]. A mask lies as the queries do, with dims of size 1 where it repeats."""
    if mask is None or query is None or call.query is None or call.key is None:
        return None
    dims = query.operand.dims
    mask = mask.detach().reshape((1,) * (len(dims) - mask.dim()) + tuple(mask.shape))
    length, keys = call.query.shape[2], call.key.shape[2]
    if mask.shape[-1] != keys or mask.shape[-2] not in (1, length):
        return f"its mask {tuple(mask.shape)} does not fit {length} queries and {keys} keys"
    leading = [own if size != 1 else () for own, size in zip(dims[:-2], mask.shape[:-2], strict=True)]
    factors = [factor for dim in leading for factor in dim]
    samples = [i for i, (letter, _) in enumerate(factors) if letter in "nw"]
    heads = [i for i, (letter, _) in enumerate(factors) if letter == "h"]
    cut = mask.reshape([size for _, size in factors] + list(mask.shape[-2:]))
    cut = cut.permute(*samples, *heads, -2, -1)
    count = prod(factors[i][1] for i in samples)
    return cut.reshape(count, prod(factors[i][1] for i in heads), *mask.shape[-2:])


def _disagreement(call: AttentionCall, found: AttentionMap) -> str:
    """Why the map must not be trusted: it does not give the output that the model computed. "" if it does."""
    if call.value is None or call.output is None:
        return ""
    count = min(found.L, _CHECKED_QUERIES)
    index = torch.arange(count, device=call.output.device) * found.L // count
    values = call.value[:, list(call.group_of_head)].float()
    expected = call.output[:, :, index].float()
    got = found.rows(index) @ values
    if got.shape != expected.shape:
        return f"its recomputed output is {list(got.shape)}, the model's is {list(expected.shape)}"
    seen = found.visible_rows(index).any(-1, keepdim=True).expand(*expected.shape[:3], 1)
    gap = torch.where(seen, got - expected, 0.0).nan_to_num().norm()
    size = torch.where(seen, expected, 0.0).nan_to_num().norm()
    error = float(gap / size) if size > 0 else float(gap)
    limit = _TOLERANCES.get(call.output.dtype, 5e-2)
    if error > limit:
        return f"its recomputed map does not give the model's output (they differ by {error:.2g})"
    return ""
