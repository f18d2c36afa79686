"""The sequence length of a capture."""

from __future__ import annotations

from attnprobe.records import Trace


def scanned_length(trace: Trace) -> int | None:
    """Size of the inputs along the dim of the sites' tokens; the longest when they differ.

    None when no input has such a dim (images, or no attention found).
    """
    sizes = [
        tensor.shape[dim]
        for tensor in trace.tensors
        for dim in trace.length_dims.get(tensor.origin.removeprefix("input:"), ())
        if tensor.origin.startswith("input:") and dim < len(tensor.shape)
    ]
    return max(sizes, default=None)
