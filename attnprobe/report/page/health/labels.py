"""Short names for the rows of a map."""

from __future__ import annotations

from collections.abc import Sequence

from attnprobe.report.parts.catalogue import Words, say
from attnprobe.report.parts.safe_text import safe

LABEL_LETTERS = 40


def row_labels(bands: Sequence[Sequence[str]]) -> list[Words]:
    """What tells the rows apart: the names of their sites without what all share at both ends."""
    parts = [site.split(".") for band in bands for site in band]
    start, end = _shared(parts), _shared([part[::-1] for part in parts])
    short = {".".join(part): ".".join(part[start : len(part) - end]) for part in parts}
    labels: list[Words] = []
    for band in bands:
        names = [short[site] or site for site in (band[0], band[-1])]
        text = names[0] if len(band) == 1 else f"{names[0]} … {names[1]}"
        labels.append(_cut(safe(text)) or say("site.root"))
    return labels


def _shared(parts: Sequence[Sequence[str]]) -> int:
    """How many leading parts all names have in common, leaving at least one of each."""
    least = min(len(part) for part in parts) - 1
    same = 0
    while same < least and len({part[same] for part in parts}) == 1:
        same += 1
    return same if len(parts) > 1 else 0


def _cut(text: str) -> str:
    """Both ends of a long text: each tells something."""
    half = (LABEL_LETTERS - 1) // 2
    return text if len(text) <= LABEL_LETTERS else f"{text[:half]}…{text[-half:]}"
