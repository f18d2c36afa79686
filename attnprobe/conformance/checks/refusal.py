"""What is not supported raises MaskError; it is never ignored."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from attnprobe.attention.foundation.masks import Mask
from attnprobe.conformance.specimens import CoreSpecimen, Specimen, replaced
from attnprobe.errors import MaskError


def check(specimen: Specimen) -> Iterator[str]:
    """Every word of `Core.supports` that is not declared."""
    if not specimen.has_sequences:
        return
    unknown = specimen.supports - _WORDS
    if unknown:
        yield f"supports holds unknown words: {', '.join(sorted(unknown))}"
    base = Mask(is_causal="bidirectional" not in specimen.supports)
    for word, changes in _MASKS.items():
        if word not in specimen.supports:
            yield from _refused(specimen, word, specimen.inputs(9), replaced(base, **changes))
    if "bidirectional" not in specimen.supports:
        yield from _refused(specimen, "bidirectional", specimen.inputs(9), Mask())
    if "cross" not in specimen.supports:
        yield from _refused(specimen, "cross", specimen.inputs(9, 5), base)
    if isinstance(specimen, CoreSpecimen):
        if "grouped" not in specimen.supports:
            yield from _refused(specimen, "grouped", specimen.inputs(9, groups=1), base)
        if "decode" not in specimen.supports:
            yield from _refused_decoding(specimen)


def _refused(specimen: Specimen, word: str, inputs: tuple[torch.Tensor, ...], mask: Mask) -> Iterator[str]:
    try:
        specimen.run(specimen.copy(), inputs, mask)
    except MaskError:
        return
    yield f"{word} is not declared, but a call with it went through"


def _refused_decoding(specimen: CoreSpecimen) -> Iterator[str]:
    copy = specimen.copy()
    try:
        specimen.decode(copy, specimen.inputs(1), copy.new_cache())
    except MaskError:
        return
    yield "decode is not declared, but a call went through"


_MASKS: dict[str, dict[str, object]] = {
    "causal": {"is_causal": True},
    "padding": {"padding": torch.tensor([[True] * 9, [False] * 3 + [True] * 6])},
    "window": {"window": (2, 2)},
    "sinks": {"window": (2, 2), "sinks": 1},
    "segments": {"segments": torch.tensor([[0] * 4 + [1] * 5] * 2)},
    "dense": {"dense": torch.eye(9, dtype=torch.bool)},
    "bias": {"bias": torch.zeros(9, 9)},
}
_WORDS = frozenset(_MASKS) | {"bidirectional", "cross", "grouped", "decode"}
