"""What decides the output is in the state_dict: a copy with other numbers becomes the same by loading it."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy

import torch

from attnprobe.conformance.specimens import Specimen


def check(specimen: Specimen) -> Iterator[str]:
    """Parameters and floating buffers that persist are moved by 1, then loaded."""
    copy = specimen.copy(torch.float32)
    other = deepcopy(copy)
    with torch.no_grad():
        for tensor in other.state_dict().values():
            if tensor.is_floating_point():
                tensor.add_(1.0)
        other.load_state_dict(copy.state_dict())
        for case, inputs, mask in specimen.samples(torch.float32):
            if not torch.equal(specimen.run(copy, inputs, mask), specimen.run(other, inputs, mask)):
                yield f"{case}: the output of a copy differs after loading the state_dict"
    for name, module in copy.named_modules():
        loose = [key for key, value in vars(module).items() if isinstance(value, torch.Tensor)]
        if loose:
            yield f"{name or specimen.name} holds tensors outside of the state_dict: {', '.join(loose)}"
