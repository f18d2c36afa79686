"""How to live with a finding: the entry of the configuration and the comment in the code, ready to copy."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase

from attnprobe.records import Finding, Scan
from attnprobe.report.parts.safe_text import as_glob, safe

ENTRIES_SHOWN = 6
REASON = "say why, so that the next reader knows"

_RANGE = re.compile(r"\{[\d.,]+\}")


@dataclass(frozen=True, slots=True)
class Snippets:
    """Two ways to ignore a finding."""

    toml: str
    comment: str  # at its line; "" where it has none


def ignore_snippets(scan: Scan, finding: Finding) -> Snippets:
    """An ignore of this finding and no other, as far as a glob over sites can tell them apart."""
    rule = safe(finding.rule, 40)
    entries = [_entry(rule, glob) for glob in site_globs(scan, finding)] or [_entry(rule, "")]
    comment = f"# attnprobe: ignore[{rule}] -- {REASON}" if finding.location else ""
    return Snippets("\n\n".join(entries), comment)


def site_globs(scan: Scan, finding: Finding) -> tuple[str, ...]:
    """Globs over site ids that match the sites of a finding; none for the whole model.

    One for a run of layers, "h.*.attn", where it matches nothing else; else the sites by name. Of very many
    it is the wide one all the same.
    """
    pieces = _RANGE.split(finding.where)
    wide = "*".join(as_glob(piece) for piece in pieces)
    own = set(finding.sites)
    if own and own == set(_matching(scan, wide)):
        return (wide,)
    if len(own) <= ENTRIES_SHOWN or not _matching(scan, wide):
        return tuple(as_glob(site) for site in finding.sites[:ENTRIES_SHOWN])
    return (wide,)


def _matching(scan: Scan, glob: str) -> list[str]:
    return [site.id for site in scan.sites if fnmatchcase(site.id, glob)]


def _entry(rule: str, glob: str) -> str:
    fields: Iterable[tuple[str, str]] = (("rule", rule), ("site", glob), ("reason", REASON))
    lines = (f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in fields if value)
    return "\n".join(("[[tool.attnprobe.ignore]]", *lines))
