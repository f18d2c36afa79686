"""The backward half of the instrumented run: random directions, reach, then the loss."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from attnprobe import running
from attnprobe.observing.calls import AttentionCall, Batch, Gradients
from attnprobe.observing.observer import Held, SiteTensors
from attnprobe.observing.site_calls import attention_call, distinct, joined
from attnprobe.records import ScanOptions, Trace

Show = Callable[..., None]

_ROLES = ("query", "key", "value", "output")
_FEWEST, _MOST = 1, 5
_TOKENS_FOR_ONE = 2048  # of the batch: with more of them one random direction must do
_SCARCE = 2  # directions, among which the guessed loss counts as one; it has one direction for all rows
_FULL_GAUSSIAN = 2**24  # elements of an output for which a direction of independent entries is drawn


class BackwardPass:
    """Keeps what the gradients of one batch need, and computes them."""

    def __init__(self, trace: Trace, options: ScanOptions, wants: frozenset[str], show: Show) -> None:
        self._trace, self._options, self._wants, self._show = trace, options, wants, show
        self._kept: list[SiteTensors] = []
        self._hooks: list[Any] = []
        self._late: list[Callable[[], None]] = []  # deliver what arrived of gradients that never got complete
        self._entries: list[tuple[AttentionCall, Tensor]] = []

    def keep(self, tensors: SiteTensors) -> None:
        """Remember queries, keys, values and outputs with their history; maps go."""
        if self._wants & {"gradients", "directions"}:
            tensors.held = {role: held for role, held in tensors.held.items() if role in _ROLES}
            self._kept.append(tensors)

    def keep_entry(self, index: int, call: AttentionCall, entry: Tensor) -> None:
        """Remember the hidden states that a site starts from."""
        if "reach" in self._wants and entry.dim() == 3 and entry.requires_grad:
            self._entries.append((call, entry))

    def run(self, batch: Batch) -> None:
        """All gradients of the batch; afterwards parameters hold those of the loss, and nothing is kept."""
        try:
            self._run(batch)
        finally:
            for hook in self._hooks:  # a hook and the tensors it holds would keep each other alive
                hook.remove()
            for part in (self._kept, self._entries, self._hooks, self._late):
                part.clear()

    def _run(self, batch: Batch) -> None:
        loss, batch.loss_origin = running.loss_of(batch.model, batch.outputs, self._options.seed)
        if loss is None:
            return
        batch.loss = float(loss.detach())
        scale = _as_direction(batch) if _wanted(batch.main_output) <= _SCARCE else None
        try:
            if "directions" in self._wants:
                self._directions(batch, is_one_free=scale is not None)
            if "reach" in self._wants:
                self._reach(batch)
        except RuntimeError as error:  # reentrant checkpoints refuse gradients of chosen tensors
            reason = f"gradients of chosen tensors could not be had: {running.first_line(error)}"
            batch.notes = (*batch.notes, reason)
        if "gradients" in self._wants or scale is not None:
            for tensors in self._kept:
                self._hook(tensors, batch, scale)
        running.backward(loss)
        for deliver in self._late:
            deliver()

    def _hook(self, tensors: SiteTensors, batch: Batch, scale: float | None) -> None:
        """Deliver a site's gradients as soon as the last of them is there."""
        found: dict[tuple[str, int], Tensor] = {}
        hooked = [
            ((role, part), held.tensor)
            for role, parts in tensors.held.items()
            for part, held in enumerate(parts)
            if held is not None and held.tensor.requires_grad
        ]

        def deliver() -> None:
            if found:
                with torch.no_grad():
                    self._deliver(tensors, batch, found, scale)
                found.clear()

        def arrived(key: tuple[str, int], gradient: Tensor) -> None:
            found[key] = gradient
            if len(found) == len(hooked):
                deliver()

        self._late.append(deliver)
        for key, tensor in hooked:
            self._hooks.append(tensor.register_hook(partial(arrived, key)))  # type: ignore[no-untyped-call]

    def _deliver(
        self,
        tensors: SiteTensors,
        batch: Batch,
        found: dict[tuple[str, int], Tensor],
        scale: float | None,
    ) -> None:
        call = self._call(tensors, batch)
        laid_out = {role: _laid_out(tensors, role, found) for role in _ROLES}
        self._show("gradients", call, Gradients(**laid_out), wanted="gradients")
        output = laid_out["output"]
        if scale is not None and output is not None:
            self._show("direction", call, output * scale, batch.directions, wanted="directions")

    def _call(self, tensors: SiteTensors, batch: Batch) -> AttentionCall:
        site = self._trace.sites[tensors.index]
        return attention_call(site, tensors, batch, train=self._options.train, with_map=False)

    def _directions(self, batch: Batch, *, is_one_free: bool) -> None:
        """Gradients of v · output for random v: all but the one that the loss itself is."""
        output = batch.main_output
        if output is None or not output.requires_grad:
            return
        for number in range(_wanted(output) - is_one_free):
            scalar = _projected(output, self._options.seed + 7919 * (batch.number + 1) + number)
            self._differentiate(scalar, batch, number)
            batch.directions += 1

    def _differentiate(self, scalar: Tensor, batch: Batch, number: int) -> None:
        sought = [
            (tensors, part, held.tensor)
            for tensors in self._kept
            for part, held in enumerate(tensors.held.get("output", ()))
            if held is not None and held.tensor.requires_grad
        ]
        if not sought:
            return
        gradients = torch.autograd.grad(
            scalar, [tensor for _, _, tensor in sought], retain_graph=True, allow_unused=True
        )
        by_site: dict[int, dict[tuple[str, int], Tensor]] = {}
        for (tensors, part, _), gradient in zip(sought, gradients, strict=True):
            if gradient is not None:
                by_site.setdefault(tensors.index, {})["output", part] = gradient
        for tensors in self._kept:
            output = _laid_out(tensors, "output", by_site.pop(tensors.index, {}))
            if output is not None:
                self._show("direction", self._call(tensors, batch), output, number, wanted="directions")

    def _reach(self, batch: Batch) -> None:
        """Gradients of one random combination of one position's outputs, for all hidden states."""
        output = batch.main_output
        entries = [(c, t) for c, t in self._entries if output is not None and t.shape[0] == output.shape[0]]
        if output is None or not output.requires_grad or not entries:
            return
        position = self._positions(output, batch)
        generator = torch.Generator().manual_seed(self._options.seed + batch.number)
        direction = torch.randn(output.shape[-1], generator=generator).to(output.device, output.dtype)
        samples = torch.arange(output.shape[0], device=output.device)
        chosen = output[samples, position.to(output.device)] if output.dim() == 3 else output
        scalar = (chosen @ direction).float().sum()
        gradients = torch.autograd.grad(scalar, [t for _, t in entries], retain_graph=True, allow_unused=True)
        for (call, _), gradient in zip(entries, gradients, strict=True):
            if gradient is not None:
                self._show("reach", call, gradient, position, wanted="reach")

    def _positions(self, output: Tensor, batch: Batch) -> Tensor:
        """The last real position of causal models, a random one of others; -1 without positions."""
        if output.dim() != 3:
            return torch.full((output.shape[0],), -1)
        padding = next((p for p in batch.padding if p.shape == output.shape[:2]), None)
        real = torch.ones(output.shape[:2]) if padding is None else padding.float().cpu()
        order = torch.arange(output.shape[1])
        if sum(bool(site.is_causal) for site in self._trace.sites) * 2 > len(self._trace.sites):
            return (real * (order + 1)).argmax(1)
        generator = torch.Generator().manual_seed(self._options.seed + batch.number)
        return torch.multinomial(real, 1, generator=generator).squeeze(1)


def main_output(outputs: Any) -> Tensor | None:
    """The first floating tensor of the outputs that is no scalar."""
    tensors = (t for t in running.output_tensors(outputs) if t.is_floating_point() and t.dim() > 0)
    return next((tensor for tensor in tensors if tensor.numel() > 1), None)


def _wanted(output: Tensor | None) -> int:
    """How many random directions a batch gets."""
    tokens = 0 if output is None else _tokens(output)
    return max(_FEWEST, min(_MOST, _TOKENS_FOR_ONE // max(tokens, 1)))


def _tokens(output: Tensor) -> int:
    return output.numel() // max(output.shape[-1], 1)


def _as_direction(batch: Batch) -> float | None:
    """The factor that makes the guessed loss v · output with v of unit variance; None for other losses."""
    differentiable = [
        t for t in running.output_tensors(batch.outputs) if t.is_floating_point() and t.requires_grad
    ]
    is_projection = batch.loss_origin.startswith(running.PROJECTION) and len(differentiable) == 1
    return float(_tokens(differentiable[0])) if is_projection and differentiable[0].dim() > 1 else None


def _projected(output: Tensor, seed: int) -> Tensor:
    """v · output with v ~ N(0, I); for huge outputs v is a random sign per row times one random row."""
    generator = torch.Generator().manual_seed(seed)
    rows = output.reshape(-1, output.shape[-1])

    def drawn(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator).to(output.device)

    if output.numel() <= _FULL_GAUSSIAN:
        return (rows.float() * drawn(*rows.shape)).sum()
    projected = torch.mv(rows, drawn(rows.shape[1]).to(rows.dtype)).float()
    return (projected * drawn(rows.shape[0]).sign()).sum()


def _laid_out(tensors: SiteTensors, role: str, found: dict[tuple[str, int], Tensor]) -> Tensor | None:
    """Gradients of a role's parts in the canonical layout; None unless all are there."""
    parts: Sequence[Held | None] = tensors.held.get(role, ())
    present = [held for held in parts if held is not None]
    gradients = [found[role, part] for part in range(len(parts)) if (role, part) in found]
    if not present or len(gradients) < len(parts):
        return None
    whole = joined(tensors.core, role, present, gradients)
    if whole is None:
        return None
    return distinct(whole, add=True) if role in ("key", "value") else whole.tensor
