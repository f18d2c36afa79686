"""What the heads of one attention give back: how many directions, how much of the residual stream."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor, nn

from attnprobe.observing.calls import AttentionCall, StreamTensors
from attnprobe.observing.sums import Sums
from attnprobe.observing.watcher import Watcher
from attnprobe.probes.gradient_flow.blocks import weights_of
from attnprobe.probes.gradient_flow.layouts import layouts
from attnprobe.probes.heads.tokens import centred, token_rows
from attnprobe.probes.representations.tokens import as_tokens, chunks, real_tokens
from attnprobe.records import Trace

_STILL = 1e-12  # of a second moment: a variance below it is rounding


class OutputWatcher(Watcher):
    """Per site: count, sum [H, D] and second moments [H, D, D] of outputs; Σ ‖entry‖² and its tokens."""

    wants: ClassVar[frozenset[str]] = frozenset({"streams"})

    def attention(self, call: AttentionCall) -> None:
        """See `Watcher.attention`."""
        if call.output is None:
            return
        rows = token_rows(call.output, call.query_tokens)  # [tokens, H, D]
        if not rows.shape[0]:
            return
        about, mean = centred(rows)
        by_head = about.permute(1, 2, 0).contiguous()  # [H, D, tokens]
        moved = rows.shape[0] * mean[:, :, None] * mean[:, None]
        self.sums.add(call.index, "tokens", rows.shape[0])
        self.sums.add(call.index, "outputs", rows.shape[0] * mean)
        self.sums.add(call.index, "moments", torch.bmm(by_head, by_head.mT).double() + moved)

    def stream(self, call: AttentionCall, tensors: StreamTensors) -> None:
        """See `Watcher.stream`."""
        entry = None if tensors.entry is None else as_tokens(call, tensors.entry)
        if entry is None:
            return
        real = real_tokens(call, entry)
        for part, keep in chunks(entry, real):
            self.sums.add(call.index, "entry", (part.square().sum(-1) * keep).double().sum())
        self.sums.add(call.index, "entry tokens", real.sum())


def effective_ranks(sums: Sums, site: int) -> Tensor | None:
    """exp(-Σ π log π), π = λ / Σ λ of the eigenvalues λ of each head's covariance: [H]; NaN if constant."""
    count, total, moments = (sums.get(site, name) for name in ("tokens", "outputs", "moments"))
    if count is None or total is None or moments is None:
        return None
    mean = total / count
    covariance = moments / count - mean[:, :, None] * mean[:, None]
    size = moments.diagonal(dim1=1, dim2=2).sum(1) / count
    values = torch.linalg.eigvalsh(covariance.nan_to_num()).clamp_min(0)
    varies = values.sum(1) > _STILL * size
    share = values / values.sum(1, keepdim=True).clamp_min(1e-300)
    rank: Tensor = torch.special.xlogy(share, share).sum(1).neg().exp()
    return torch.where(varies & torch.isfinite(size), rank, torch.nan)


def squared_norms(sums: Sums, site: int) -> Tensor | None:
    """E ‖z‖² of each head, [H]."""
    count, moments = sums.get(site, "tokens"), sums.get(site, "moments")
    if count is None or moments is None:
        return None
    return moments.diagonal(dim1=1, dim2=2).sum(1) / count


def squared_contributions(sums: Sums, site: int, weight: Tensor) -> Tensor | None:
    """E ‖W_O z‖² of each head, [H], for the output projection's weight [H, D, E]; None if it does not fit."""
    count, moments = sums.get(site, "tokens"), sums.get(site, "moments")
    if count is None or moments is None or moments.shape[:2] != weight.shape[:2]:
        return None
    own = weight.float()
    products = torch.bmm(own, own.mT).double().cpu()  # [H, D, D]
    return (products * moments).sum((1, 2)) / count


def squared_entry(sums: Sums, site: int) -> float | None:
    """E ‖x‖² of the residual stream before the site."""
    total, tokens = sums.get(site, "entry"), sums.get(site, "entry tokens")
    return None if total is None or tokens is None or not float(tokens) else float(total / tokens)


def output_weight(trace: Trace, site: int, parameters: Mapping[str, nn.Parameter]) -> Tensor | str:
    """The output projection, cut by head: [H, D, E]; or why it is not known."""
    own = trace.sites[site]
    cut = layouts(trace, own, "output")
    weight = weights_of(parameters, cut) if cut else None
    if weight is None:
        return "its output projection could not be told"
    if weight.shape[:2] != (own.num_heads, own.value_dim):
        return f"its output projection does not fit {own.num_heads} heads of {own.value_dim} dims"
    return weight
