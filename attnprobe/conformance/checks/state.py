"""All that decides the output is in the state_dict: a copy with other numbers becomes the same by loading it."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy

import torch

from attnprobe.attention.foundation.masks import Mask
from attnprobe.conformance.specimens import ModuleSpecimen, Specimen


def check(specimen: Specimen) -> Iterator[str]:
    """Parameters and floating buffers that persist are scrambled, then loaded."""
    copy = specimen.copy(torch.float32)
    other = deepcopy(copy)
    with torch.no_grad():
        for tensor in other.state_dict().values():
            if tensor.is_floating_point():
                tensor.add_(1.0)
    other.load_state_dict(copy.state_dict())
    if isinstance(specimen, ModuleSpecimen) and specimen.shapes:
        inputs: tuple[torch.Tensor, ...] = (
            specimen.random(*specimen.shapes[0], dtype=torch.float32, seed=1),
        )
        mask = Mask()
    else:
        inputs, mask = specimen.inputs(33, dtype=torch.float32), Mask(is_causal=specimen.modes[0])
    with torch.no_grad():
        if not torch.equal(specimen.run(copy, inputs, mask), specimen.run(other, inputs, mask)):
            yield "the output of a copy differs after loading the state_dict"
    for name, module in copy.named_modules():
        loose = [key for key, value in vars(module).items() if isinstance(value, torch.Tensor)]
        if loose:
            yield f"{name or specimen.name} holds tensors outside of the state_dict: {', '.join(loose)}"
