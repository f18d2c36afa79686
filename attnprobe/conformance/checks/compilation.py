"""torch.compile takes it as one graph, at two lengths, and gives the same."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from attnprobe.attention.foundation.masks import Mask
from attnprobe.conformance.comparing import differences
from attnprobe.conformance.specimens import ModuleSpecimen, Specimen


def check(specimen: Specimen) -> Iterator[str]:
    """Without code generation: backend "eager"."""
    copy = specimen.copy(torch.float32)
    cases: list[tuple[str, tuple[torch.Tensor, ...], Mask]] = []
    if isinstance(specimen, ModuleSpecimen) and specimen.shapes:
        for shape in specimen.shapes[:2]:
            cases.append((f"{list(shape)}", (specimen.random(*shape, dtype=torch.float32, seed=1),), Mask()))
    else:
        for mode in specimen.modes:
            for length in (33, 48):
                mask = Mask(is_causal=mode)
                cases.append(
                    (f"length {length}, {mode=}", specimen.inputs(length, dtype=torch.float32), mask)
                )
    torch.compiler.reset()
    compiled = torch.compile(copy, fullgraph=True, backend="eager")
    with torch.no_grad():
        for case, inputs, mask in cases:
            try:
                found = specimen.run(compiled, inputs, mask)
            except Exception as error:  # whatever the compiler cannot take
                yield f"{case}: {type(error).__name__}: {str(error).strip().splitlines()[0]}"
                return
            expected = specimen.run(copy, inputs, mask)
            yield from differences(case, found, expected, specimen.tolerance(torch.float32))
