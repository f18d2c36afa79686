"""Where a core says that its memory is linear, no tensor of its forward grows faster than the sequence."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from attnprobe.attention.foundation.masks import Mask
from attnprobe.conformance.specimens import Specimen
from attnprobe.errors import ShapeError

_SHORT, _TIMES = 512, 4
_ROOM = 1.25  # padding to whole blocks


def check(specimen: Specimen) -> Iterator[str]:
    """The largest tensor that any op gives, at two lengths. What fused kernels keep is not seen."""
    if not getattr(specimen.module, "has_linear_memory", False):
        return
    for is_causal in specimen.modes:
        try:
            sizes = [_largest(specimen, length, is_causal) for length in (_SHORT, _SHORT * _TIMES)]
        except ShapeError:  # it was made for shorter sequences
            return
        if sizes[1] > _TIMES * _ROOM * sizes[0]:
            mode = "causal" if is_causal else "not causal"
            yield (
                f"{mode}: from {_SHORT} to {_SHORT * _TIMES} tokens the largest tensor grows "
                f"{sizes[1] / sizes[0]:.1f} times, from {sizes[0]} to {sizes[1]} elements"
            )


def _largest(specimen: Specimen, length: int, is_causal: bool) -> int:
    """Elements of the largest tensor that one call makes."""
    inputs = specimen.inputs(length, dtype=torch.float32, batch=1)
    largest = _Largest()  # type: ignore[no-untyped-call]
    with torch.no_grad(), largest:
        specimen.run(specimen.copy(torch.float32), inputs, Mask(is_causal=is_causal))
    return largest.numel


class _Largest(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Remembers the largest tensor that an op makes."""

    numel = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        for each in result if isinstance(result, tuple | list) else (result,):
            if isinstance(each, Tensor):
                self.numel = max(self.numel, each.untyped_storage().nbytes() // max(each.itemsize, 1))
        return result
