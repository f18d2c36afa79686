"""What happened to a baseline, line by line."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from attnprobe.checking.baselines import Entry, Renewal


def renewal_lines(renewal: Renewal) -> Iterator[str]:
    """ "+ AP101 h.{0..3}.attn ×4": what came, what went (-), what changed (~)."""
    for sign, entries in (("+", renewal.added), ("-", renewal.removed), ("~", renewal.changed)):
        for entry in entries:
            yield f"{sign} {entry_line(entry)}"


def entry_line(entry: Entry) -> str:
    """The rule, the place and the count of one entry."""
    count = f" ×{entry.count}" if entry.count != 1 else ""
    return f"{entry.rule} {entry.where or 'the model'}{count}"
