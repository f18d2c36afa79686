"""What an attention adds to the hidden states that it started from."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from attnprobe.observing.calls import AttentionCall, StreamTensors
from attnprobe.observing.watcher import Watcher
from attnprobe.probes.representations.tokens import as_tokens, chunks, real_tokens


class BranchWatcher(Watcher):
    """Energies of entry and branch over real tokens, and the cosine between them."""

    wants: ClassVar[frozenset[str]] = frozenset({"streams"})

    def stream(self, call: AttentionCall, tensors: StreamTensors) -> None:
        """See `Watcher.stream`."""
        if tensors.entry is None or tensors.branch is None:
            return
        entry, branch = as_tokens(call, tensors.entry), as_tokens(call, tensors.branch)
        if entry is None or branch is None or entry.shape != branch.shape:
            return
        for name, value in _sums(entry, branch, real_tokens(call, entry)).items():
            self.sums.add(call.index, name, value)


def _sums(entry: Tensor, branch: Tensor, real: Tensor) -> dict[str, Tensor]:
    names = ("entry", "branch", "cosine", "tokens")
    found = dict(zip(names, torch.zeros(4, dtype=torch.float64, device=entry.device), strict=True))
    for before, added, keep in chunks(entry, branch, real):
        norm = torch.linalg.vector_norm(before, dim=-1)
        added_norm = torch.linalg.vector_norm(added.float(), dim=-1)
        product = (before * added).sum(-1)
        is_known = keep & (norm > 0) & (added_norm > 0)
        found["entry"] += norm[keep].double().square().sum()
        found["branch"] += added_norm[keep].double().square().sum()
        found["cosine"] += (product / (norm * added_norm))[is_known].double().sum()
        found["tokens"] += is_known.sum()
    return found
