"""torch.compile takes it as one graph, at two lengths, and gives the same."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from attnprobe.conformance.comparing import differences
from attnprobe.conformance.specimens import Specimen


def check(specimen: Specimen) -> Iterator[str]:
    """Without code generation: backend "eager"."""
    copy = specimen.copy(torch.float32)
    torch.compiler.reset()
    compiled = torch.compile(copy, fullgraph=True, backend="eager")
    with torch.no_grad():
        for case, inputs, mask in specimen.samples(torch.float32, lengths=(33, 48)):
            try:
                found = specimen.run(compiled, inputs, mask)
            except Exception as error:  # whatever the compiler cannot take
                yield f"{case}: {type(error).__name__}: {str(error).strip().splitlines()[0]}"
                return
            expected = specimen.run(copy, inputs, mask)
            yield from differences(case, found, expected, specimen.tolerance(torch.float32))
