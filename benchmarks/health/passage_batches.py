"""The passages as data for the command line:

attnprobe scan benchmarks.health.encoder:trained --data benchmarks.health.passage_batches:batches
"""

from __future__ import annotations

from torch import Tensor

from benchmarks.health.encoder import batch
from benchmarks.health.passages import PASSAGES


def batches() -> list[dict[str, Tensor]]:
    """All passages in two padded batches."""
    return [batch(PASSAGES[:8]), batch(PASSAGES[8:])]
