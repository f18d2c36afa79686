"""An explanation: a title, facts in rows, and sections; as text, Markdown or JSON."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from unicodedata import east_asian_width

from attnprobe.commands.terminal.failure import visible

WIDTH = 96
_CLOSING = "，。；：、）」】！？"
_UNBREAKABLE = re.compile(rf"[!-~–-⋿]+[{_CLOSING}]*\s*|.[{_CLOSING}]*\s*", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """Words under a heading, a list, or something to copy."""

    name: str  # the same in every language: "why"
    heading: str
    words: str = ""
    items: tuple[str, ...] = ()
    code: str = ""  # its lines stand as they are
    syntax: str = "toml"  # of `code`


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """What is said of one name."""

    name: str
    title: str
    rows: Mapping[str, str] = field(default_factory=dict)
    sections: tuple[Section, ...] = ()


def as_text(explanation: Explanation) -> str:
    """For a terminal of 96 columns. Text of plug-ins and packs is made visible."""
    lines = [visible(f"{explanation.name}: {explanation.title}")]
    lines += [_row(key, text) for key, text in explanation.rows.items()]
    for section in explanation.sections:
        lines += ["", section.heading, *_section(section)]
    return "\n".join(lines)


def as_markdown(explanation: Explanation) -> str:
    """For a page. Headings of level 1 and 2; text of packs stands as it is written, with no HTML."""
    lines = [f"# `{_inline(explanation.name)}`", "", f"{_inline(explanation.title)}.", ""]
    lines += [f"- {key}: {_inline(text)}" for key, text in explanation.rows.items()]
    for section in explanation.sections:
        lines += ["", f"## {section.heading}", ""]
        lines += [_inline(section.words), ""] if section.words else []
        lines += [f"- {_inline(item)}" for item in section.items]
        lines += (
            [f"```{section.syntax}", *map(visible, section.code.splitlines()), "```"] if section.code else []
        )
    return "\n".join(lines)


def as_json(explanation: Explanation) -> str:
    """For a program."""
    return json.dumps(asdict(explanation), indent=1, ensure_ascii=True, sort_keys=True)


FORMS = {"text": as_text, "md": as_markdown, "json": as_json}


def _row(key: str, text: str) -> str:
    first = f"  {key}{' ' * max(10 - _columns(key), 0)} "
    return "\n".join(_wrapped(text, first, " " * 13))


def _section(section: Section) -> list[str]:
    lines = _wrapped(section.words, "  ", "  ") if section.words else []
    for item in section.items:
        lines += _wrapped(item, "  - ", "    ")
    return [*lines, *(f"    {visible(line)}".rstrip() for line in section.code.splitlines())]


def _wrapped(text: str, first: str, rest: str) -> list[str]:
    shown = visible(text)
    if shown.isascii():
        return textwrap.wrap(shown, WIDTH, initial_indent=first, subsequent_indent=rest)
    return _wrapped_wide(shown, first, rest)


def _wrapped_wide(text: str, first: str, rest: str) -> list[str]:
    """Chinese breaks between any two characters, but not before a closing mark; other words stay whole."""
    lines, line = [], first
    for piece in _UNBREAKABLE.findall(text):
        if _columns(line + piece.rstrip()) > WIDTH:
            lines.append(line.rstrip())
            line = rest
        line += piece
    return [*lines, line.rstrip()]


def _columns(text: str) -> int:
    """Of a terminal: Chinese takes two per character."""
    return sum(2 if east_asian_width(letter) in "WF" else 1 for letter in text)


def _inline(text: str) -> str:
    """Text of a pack in Markdown: no tag and no link of its own comes to life."""
    shown = visible(text)
    for letter, instead in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("[", "\\["), ("]", "\\]")):
        shown = shown.replace(letter, instead)
    return shown
