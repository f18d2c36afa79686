"""Paragraphs of a comment, as many as there is room for: cut between them, never inside one."""

from __future__ import annotations

from collections.abc import Iterable

LIMIT = 60_000  # GitHub refuses a comment of more than 65,536
RESERVE = 2_500  # for what closes the comment, and for a fold's own tags


class Draft:
    """A comment in the making."""

    def __init__(self, paragraphs: Iterable[str]) -> None:
        self._paragraphs = list(paragraphs)
        self._used = sum(map(length, self._paragraphs))
        self.left_out = 0  # items for which there was no room

    def add(self, paragraphs: Iterable[str]) -> None:
        """Each of them if there is room."""
        for paragraph in paragraphs:
            if self._has_room(length(paragraph)):
                self.append(paragraph)

    def add_list(self, heading: str, lines: Iterable[str]) -> None:
        """As many lines as there is room for, under a heading; nothing without lines."""
        kept: list[str] = []
        used = length(heading) + 4
        for line in lines:
            if self._has_room(used + length(line) + 3):
                kept.append(f"- {line}")
                used += length(line) + 3
        if kept:
            self.append("\n".join((f"**{heading}**", "", *kept)))

    def append(self, paragraph: str) -> None:
        """One more paragraph, whatever room there is."""
        self._paragraphs.append(paragraph)
        self._used += length(paragraph)

    def text(self, marker: str) -> str:
        """The comment below its marker."""
        return f"{marker}\n" + "\n\n".join(self._paragraphs) + "\n"

    def _has_room(self, size: int) -> bool:
        has_room = self._used + size <= LIMIT - RESERVE
        self.left_out += not has_room
        return has_room


def length(text: str) -> int:
    """UTF-16 units, as JavaScript and GitHub count, with the blank line behind it."""
    return len(text.encode("utf-16-le")) // 2 + 2
