"""Inputs as the user writes them: `--input "ids:int64[2,128]"`."""

from __future__ import annotations

import re
from dataclasses import dataclass

import torch

from attnprobe.errors import UsageError
from attnprobe.loading.building.user_code import shown
from attnprobe.registry import nearest

_FORM = re.compile(r"\s*(?P<name>[^\W\d]\w*|\d+)\s*:\s*(?P<dtype>\w+)\s*\[(?P<shape>[\d,\s]*)\]\s*")
_DTYPES = {
    name: getattr(torch, name)
    for name in (
        *("int64", "int32", "int16", "int8", "uint8", "bool"),
        *("float64", "float32", "float16", "bfloat16", "complex64"),
    )
}


@dataclass(frozen=True, slots=True)
class GivenInput:
    """One --input: which argument, of which dtype and shape."""

    name: str  # a keyword, or the position as digits
    dtype: torch.dtype
    shape: tuple[int, ...]

    @property
    def position(self) -> int | None:
        """Where it stands among the positional arguments; None for a keyword."""
        return int(self.name) if self.name.isdigit() else None


def parse_inputs(specs: tuple[str, ...]) -> tuple[GivenInput, ...]:
    """Read every --input.

    Raises:
        UsageError: One is malformed, names an unknown dtype, appears twice, or leaves a position out.
    """
    given = tuple(_parse(spec) for spec in specs)
    names = [item.name for item in given]
    for name in names:
        if names.count(name) > 1:
            raise UsageError(f"--input {name} is given twice")
    positions = sorted(item.position for item in given if item.position is not None)
    if positions != list(range(len(positions))):
        raise UsageError(
            f"--input: positions {positions} leave one out", hint="Number them 0, 1, 2 … or use names."
        )
    return given


def _parse(spec: str) -> GivenInput:
    match = _FORM.fullmatch(spec)
    if match is None:
        raise UsageError(
            f"--input {shown(spec)}: expected NAME:DTYPE[SHAPE]",
            hint='For example "input_ids:int64[2,128]", or by position "0:float32[2,3,224,224]".',
        )
    dtype = match["dtype"]
    if dtype not in _DTYPES:
        raise UsageError(
            f"--input {shown(spec)}: no dtype is named '{shown(dtype)}'{nearest(dtype, _DTYPES)}",
            hint=f"Known: {', '.join(_DTYPES)}.",
        )
    sizes = match["shape"].strip().rstrip(",")
    try:
        shape = tuple(int(size) for size in sizes.split(",")) if sizes else ()
    except ValueError:
        raise UsageError(f"--input {shown(spec)}: the shape is a list of whole numbers") from None
    return GivenInput(match["name"], _DTYPES[dtype], shape)
