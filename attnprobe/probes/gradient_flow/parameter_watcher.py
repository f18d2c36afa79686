"""Norms of the projections' weights and gradients, head by head."""

from __future__ import annotations

import torch
from torch import Tensor

from attnprobe.observing.calls import AttentionCall, Batch
from attnprobe.observing.watcher import Watcher
from attnprobe.probes.gradient_flow.blocks import gradients_of, weights_of
from attnprobe.probes.gradient_flow.layouts import ROLES, layouts
from attnprobe.probes.gradient_flow.norms import norms
from attnprobe.records import Trace


class ParameterGradients(Watcher):
    """Keeps, per site, role and head's block: Σ |gradient|², Σ |weight|², which features ever moved."""

    def __init__(self, trace: Trace) -> None:
        super().__init__()
        self._layouts = {
            (index, role): cut
            for index, site in enumerate(trace.sites)
            for role in ROLES
            if (cut := layouts(trace, site, role))
        }

    def attention(self, call: AttentionCall) -> None:
        """Which key-value head each query head uses."""
        if call.group_of_head:
            self.sums.maximum(call.index, "groups", list(call.group_of_head))

    def after_batch(self, batch: Batch) -> None:
        """Gradients of the loss lie in the parameters."""
        if batch.loss is None:
            return
        parameters = dict(batch.model.module.named_parameters(remove_duplicate=False))
        for (index, role), cut in self._layouts.items():
            gradient = gradients_of(parameters, cut)
            weight = weights_of(parameters, cut)
            if gradient is not None and weight is not None:
                self._add(index, role, gradient, weight)

    def _add(self, index: int, role: str, gradient: Tensor, weight: Tensor) -> None:
        """Args: gradient and weight are [heads, features, rest]."""
        largest = torch.linalg.vector_norm(gradient, torch.inf, dim=-1)  # [heads, features]; keeps NaN
        self.sums.add(index, f"{role} squares", norms(gradient) ** 2)
        self.sums.add(index, f"{role} weight squares", norms(weight) ** 2)
        self.sums.maximum(index, f"{role} largest", largest)
        self.sums.add(index, f"{role} batches", 1.0)
        self.sums.maximum(index, f"{role} elements", float(gradient[0].numel()))
