"""Where a block of rows stands in the sample of a call's queries."""

from __future__ import annotations

from torch import Tensor

from attnprobe.observing.calls import AttentionCall, RowBlock
from attnprobe.observing.rows import SAMPLED_QUERIES


def sample_size(call: AttentionCall) -> int:
    """How many queries of a call are looked at."""
    assert call.map is not None
    return min(call.map.L, SAMPLED_QUERIES)


def sample_numbers(call: AttentionCall, index: Tensor) -> Tensor:
    """Which of the sampled queries these positions are: the stretches of the sample that they lie in."""
    assert call.map is not None
    size, length = sample_size(call), call.map.L
    return ((index + 1) * size + length - 1) // length - 1


def is_last(call: AttentionCall, block: RowBlock) -> bool:
    """Whether no rows of this call follow."""
    return int(sample_numbers(call, block.index[-1:])) == sample_size(call) - 1
