"""Sums of the squares of the gradients of queries, keys, values and head outputs."""

from __future__ import annotations

from torch import Tensor

from attnprobe.observing.calls import AttentionCall, Gradients
from attnprobe.observing.watcher import Watcher
from attnprobe.probes.gradient_flow.layouts import ROLES
from attnprobe.probes.gradient_flow.norms import norms


class ActivationGradients(Watcher):
    """Keeps, per site and role, Σ |gradient|² of each head and the number of tokens."""

    wants = frozenset({"gradients"})

    def gradients(self, call: AttentionCall, gradients: Gradients) -> None:
        """Each gradient is [N, heads, tokens, width]."""
        for role in ROLES:
            gradient: Tensor | None = getattr(gradients, role)
            if gradient is None:
                continue
            squares = norms(gradient.transpose(0, 1)) ** 2  # [heads]
            real = call.query_tokens if role in ("query", "output") else call.key_tokens
            tokens = gradient.shape[0] * gradient.shape[2] if real is None else int(real.sum())
            self.sums.add(call.index, f"{role} squares", squares)
            self.sums.add(call.index, f"{role} tokens", float(tokens))
        if call.group_of_head:
            self.sums.maximum(call.index, "groups", list(call.group_of_head))
