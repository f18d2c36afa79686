"""Size of what each attention adds where several are added up."""

from __future__ import annotations

from collections.abc import Collection
from typing import ClassVar

import torch

from attnprobe.observing.calls import AttentionCall, StreamTensors
from attnprobe.observing.watcher import Watcher
from attnprobe.probes.representations.tokens import as_tokens, chunks, real_tokens


class BranchSizeWatcher(Watcher):
    """Energy of the addend of some sites over real tokens.

    Args:
        sites: Indices of those that run side by side.
    """

    wants: ClassVar[frozenset[str]] = frozenset({"streams"})

    def __init__(self, sites: Collection[int]) -> None:
        super().__init__()
        self._sites = frozenset(sites)

    def stream(self, call: AttentionCall, tensors: StreamTensors) -> None:
        """See `Watcher.stream`."""
        if call.index not in self._sites or tensors.branch is None:
            return
        branch = as_tokens(call, tensors.branch)
        if branch is None:
            return
        energy = torch.zeros((), dtype=torch.float64)
        for added, keep in chunks(branch, real_tokens(call, branch)):
            energy += torch.linalg.vector_norm(added[keep].float(), dim=-1).double().square().sum().cpu()
        self.sums.add(call.index, "energy", energy)
