"""Ignores that stand in the source: `# attnprobe: ignore[AP101, AP202] until=2027-03-31 -- reason`.

A comment covers the statement that it stands in or behind; alone on its line, the next one; on the line of a
`def` or `class`, all of it. The files are read as text and parsed; nothing of them is run.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from attnprobe.checking.settings.readers import is_day
from attnprobe.checking.suppressing.source_lines import Comment, read_source
from attnprobe.records import Finding, IgnoreEntry, Location, Scan

_DIRECTIVE = re.compile(r"#\s*attnprobe\s*:\s*(.*)", re.IGNORECASE)
_IGNORE = re.compile(r"ignore\s*\[([^\]]*)\]\s*(.*)", re.IGNORECASE)
_OPTION = re.compile(r"(until|owner)\s*=\s*(\S+)\s*")
_REASON = re.compile(r"(?:--|—|–)\s*(.*)")
_CODE = re.compile(r"[A-Za-z][A-Za-z0-9-]{1,79}")
_MOST_CODES = 50


@dataclass(frozen=True, slots=True)
class Inline:
    """The ignores of the source, and what was wrong with some of them."""

    entries: tuple[IgnoreEntry, ...]
    notices: tuple[str, ...]


def inline_ignores(scan: Scan, findings: Iterable[Finding], root: Path) -> Inline:
    """The comments of every file in which the scan has a site or a finding.

    Args:
        scan: Names the files: locations of its sites.
        findings: Name further files.
        root: The folder that locations are relative to. Files outside of it, over 1 MiB, or that are no
            Python are passed over.
    """
    entries: list[IgnoreEntry] = []
    notices: list[str] = []
    for name in sorted({location.file for location in _locations(scan, findings)}):
        for comment in read_source(name, root):
            read = _read(comment, f"{name}:{comment.line}")
            if isinstance(read, IgnoreEntry):
                entries.append(read)
            elif read:
                notices.append(read)
    return Inline(tuple(entries), tuple(notices))


def _locations(scan: Scan, findings: Iterable[Finding]) -> Iterator[Location]:
    for site in scan.sites:
        yield from (site.location, *site.lines.values()) if site.location else site.lines.values()
    for finding in findings:
        places = (finding.location, *(place.location for place in finding.instances))
        yield from (place for place in places if place)


def _read(comment: Comment, origin: str) -> IgnoreEntry | str:
    """The ignore of a comment; "" when it is none; what is wrong with it."""
    directive = _DIRECTIVE.search(comment.text)
    if not directive:
        return ""
    ignore = _IGNORE.match(directive.group(1))
    if not ignore:
        return _fault(origin, "it names no rule in brackets: write `# attnprobe: ignore[AP101] -- reason`")
    codes = tuple(code for code in re.split(r"[,\s]+", ignore.group(1)) if code)
    wrong = [code for code in codes if not _CODE.fullmatch(code)]
    if not codes or wrong or len(codes) > _MOST_CODES:
        what = f"'{wrong[0][:40]}' is no rule" if wrong else f"it names {len(codes) or 'no'} rules"
        return _fault(origin, what)
    given, rest = _options(ignore.group(2))
    if "until" in given and not is_day(given["until"]):
        return _fault(origin, f"'{given['until'][:40]}' is no day: write until=2027-03-31")
    reason = _REASON.match(rest)
    if rest and not reason:
        return _fault(origin, f"'{rest[:40]}' is not understood: a reason follows --")
    return IgnoreEntry(
        rules=codes,
        reason=reason.group(1).strip() if reason else "",
        until=given.get("until", ""),
        owner=given.get("owner", ""),
        origin=origin,
        is_inline=True,
        lines=comment.covers,
    )


def _options(text: str) -> tuple[dict[str, str], str]:
    given: dict[str, str] = {}
    rest = text.strip()
    while found := _OPTION.match(rest):
        given[found.group(1)] = found.group(2)
        rest = rest[found.end() :]
    return given, rest


def _fault(origin: str, what: str) -> str:
    return f"the comment at {origin} ignores nothing: {what}"
