"""Names that differ in numbers alone, as one name."""

from __future__ import annotations

import re
from collections.abc import Sequence


def common_pattern(ids: Sequence[str]) -> str:
    """ "h.0.attn", "h.1.attn", "h.2.attn" -> "h.{0..2}.attn"."""
    if len(set(ids)) == 1:
        return ids[0]
    pieces = [re.split(r"(\d+)", name) for name in ids]
    if len({tuple(piece[::2]) for piece in pieces}) > 1:
        return ", ".join(dict.fromkeys(ids))
    result = []
    for column in zip(*pieces, strict=False):
        values = list(dict.fromkeys(column))
        if len(values) == 1:
            result.append(values[0])
            continue
        numbers = sorted(int(value) for value in values)
        is_run = numbers == list(range(numbers[0], numbers[-1] + 1))
        inside = f"{numbers[0]}..{numbers[-1]}" if is_run else ",".join(map(str, numbers))
        result.append("{" + inside + "}")
    return "".join(result)


def numberless(name: str) -> str:
    """ "h.0.attn" and "h.11.attn" -> "h.*.attn"."""
    return re.sub(r"\d+", "*", name)
