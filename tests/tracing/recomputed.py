"""Checks the operands of a model's cores by computing with them what the model computed."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import torch
from live_tensors import canonical, leaves, real_trace, run_again
from torch import Tensor

from attnprobe.records import Core, LoadedModel

_KERNEL_ARGUMENTS = ("query", "key", "value")


def checked(
    model: LoadedModel,
    *,
    tolerance: float = 1e-5,
    not_normal: Collection[str] = (),
    capped: float | None = None,
) -> dict[str, set[str]]:
    """Run the model and check every core. Returns what was checked, by site.

    fused      softmax(query keyᵀ scale + mask) value = output
    product    the scores are query keyᵀ times one factor per head, plus what is the same for every sample
    weights    weights value = output
    rows       the rows of the weights sum to 1
    softmax    softmax(scores) = weights
    linear     query (keyᵀ value) = output

    Args:
        not_normal: Sites whose weights' rows do not sum to 1, though there is a softmax.
        capped: The soft-cap c of the scores, c tanh(scores / c).
    """
    known = real_trace(model)
    cores = list(leaves(known))
    wanted = {operand.tensor for _, core in cores for operand in core.operands.values()}
    kept, arguments = run_again(model, known, wanted)
    done: dict[str, set[str]] = {site: set() for site, _ in cores}
    for site, core in cores:
        _are_seen(core, known.ops)
        held = {
            role: canonical(kept[operand.tensor], operand, role).double()
            for role, operand in core.operands.items()
        }
        if capped is not None and "scores" in held:
            held["uncapped"] = torch.atanh(held["scores"].clamp(-capped, capped) / capped)
        names = _check(core, held, arguments.get(core.score_ops[0]), tolerance, site not in not_normal)
        assert names or not held or core.role in ("channel", "spatial"), (site, sorted(held))
        done[site] |= names
    return done


def _are_seen(core: Core, ops: Any) -> None:
    """Every operand passes by an op of its core."""
    own = [ops[i] for i in (*core.score_ops, *core.inner_ops, *core.value_ops)]
    for operand in core.operands.values():
        assert any(operand.tensor in (*op.inputs, *op.outputs) for op in own)


def _check(
    core: Core, held: dict[str, Tensor], arguments: Any, tolerance: float, is_normal: bool
) -> set[str]:
    done = set()
    if core.mechanism == "linear" and {"query", "key", "value", "output"} <= held.keys():
        _near(_linear(core, held), held["output"], tolerance)
        done.add("linear")
    if {"weights", "value", "output"} <= held.keys():
        value = _for_heads(held["value"], held["weights"].shape[1])
        _near(held["weights"] @ value, held["output"], tolerance)
        done.add("weights")
    if "weights" in held and core.normaliser == "softmax" and core.mechanism != "talking_heads" and is_normal:
        ones = torch.ones(held["weights"].shape[:-1], dtype=torch.float64)
        _near(held["weights"].sum(-1), ones, tolerance)
        done.add("rows")
        if "scores" in held:
            _near(_softmax(held["scores"]), held["weights"], tolerance)
            done.add("softmax")
    if {"scores", "query", "key"} <= held.keys() and core.mechanism == "dot_product":
        _is_product(core, held, tolerance)
        done.add("product")
    if core.score_ops == core.value_ops and {"query", "key", "value", "output"} <= held.keys():
        _near(_fused(core, held, arguments), held["output"], tolerance)
        done.add("fused")
    return done


def _softmax(scores: Tensor) -> Tensor:
    hidden = scores <= -1e30
    return torch.softmax(scores.masked_fill(hidden & ~hidden.all(-1, keepdim=True), -torch.inf), -1)


def _is_product(core: Core, held: dict[str, Tensor], tolerance: float) -> None:
    """One factor per head; what is added (masks, biases) is the same for every sample and so falls out."""
    product = held["query"] @ _for_heads(held["key"], held["query"].shape[1]).mT
    scores = held.get("uncapped", held["scores"])
    assert scores.shape == product.shape
    samples = (-1, core.windows, *scores.shape[1:])
    scores, product = scores.reshape(samples), product.reshape(samples)
    visible = scores > -50
    if len(product) > 1:
        visible = visible.all(0, keepdim=True).expand_as(scores)
        scores, product = scores - scores.mean(0), product - product.mean(0)
    scores, product = (t.where(visible, 0.0).transpose(0, 2).flatten(1) for t in (scores, product))
    factor = (scores * product).sum(1, keepdim=True) / (product * product).sum(1, keepdim=True)
    _near(factor * product, scores, 10 * tolerance)


def _linear(core: Core, held: dict[str, Tensor]) -> Tensor:
    heads = held["query"].shape[1]
    scores = held["query"] @ _for_heads(held["key"], heads).mT
    return (scores.tril() if core.is_causal_flag else scores) @ _for_heads(held["value"], heads)


def _fused(core: Core, held: dict[str, Tensor], arguments: Any) -> Tensor:
    _, kwargs = arguments
    query, key, value = (held[name] for name in _KERNEL_ARGUMENTS)
    heads = query.shape[1]
    scale = kwargs.get("scale") or query.shape[-1] ** -0.5
    scores = query @ _for_heads(key, heads).mT * scale
    if core.is_causal_flag:
        scores = scores.masked_fill(torch.ones(scores.shape[-2:]).triu(1).bool(), -torch.inf)
    mask = kwargs.get("attn_mask")
    if mask is not None:
        shape = [
            n for dim in core.operands["query"].dims[:2] for n in [torch.Size([m for _, m in dim]).numel()]
        ]
        mask = mask.expand(*shape, *mask.shape[-2:]).reshape(-1, heads, *mask.shape[-2:])
        bias = torch.zeros(mask.shape).masked_fill(~mask, -torch.inf) if mask.dtype == torch.bool else mask
        scores = scores + bias
    return torch.softmax(scores, -1) @ _for_heads(value, heads)


def _for_heads(tensor: Tensor, heads: int) -> Tensor:
    """One key-value head for each query head; neighbours share where there are fewer."""
    return tensor.repeat_interleave(heads // tensor.shape[1], 1)


def _near(one: Tensor, other: Tensor, tolerance: float) -> None:
    assert one.shape == other.shape, (one.shape, other.shape)
    torch.testing.assert_close(one.to(other.dtype), other, rtol=tolerance, atol=tolerance, equal_nan=True)
