"""Text of others in Markdown: it cannot format, link, mention, embed or open anything.

What a renderer does after parsing (mentions, references to issues, bare addresses) is broken by a zero-width
space, written as an entity so that the source shows it.
"""

from __future__ import annotations

import re

_ENTITIES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
_SPECIAL = re.compile(r"[\\`*_\[\]|~$]")
_STARTS_A_BLOCK = re.compile(r"^(\d{1,9}(?=[.)](?:\s|$))|(?=[#+=-]+(?:\s|$)))")
# "@name", "#1", "!1", "GH-1", "https://", "www.": linked by GitHub or GitLab wherever they stand in the text.
_LINKED = re.compile(r"(?<=[@#!^])(?=[\w\"'])|(?<=GH)(?=-\d)|(?<=:)(?=//)|(?<=www)(?=\.)", re.IGNORECASE)
_BREAK = "&#8203;"


def prose(text: str) -> str:
    """One line of text that came through `safe`, as text and nothing else."""
    told = _LINKED.sub("\0", text.strip())
    told = _SPECIAL.sub(r"\\\g<0>", told.translate(_ENTITIES))
    return _STARTS_A_BLOCK.sub(r"\1\\", told).replace("\0", _BREAK)


def code(text: str, *, in_table: bool = False) -> str:
    """A name in a code span whose fence is longer than any run of backticks in it.

    In a table a pipe would end the cell, in a code span as well: it is written as an escape there.
    """
    shown = text.replace("|", "\\x7c") if in_table else text
    if not shown.strip():
        return "–"
    longest = max((len(run) for run in re.findall(r"`+", shown)), default=0)
    fence = "`" * (longest + 1)
    pad = " " if shown[0] in "` " or shown[-1] in "` " else ""
    return f"{fence}{pad}{shown}{pad}{fence}"
