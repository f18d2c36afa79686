"""How to live with a finding: the entry of the configuration and the comment in the code, ready to copy."""

from __future__ import annotations

import json
from dataclasses import dataclass

from attnprobe.records import Finding
from attnprobe.report.parts.safe_text import as_glob, safe

REASON = "say why, so that the next reader knows"


@dataclass(frozen=True, slots=True)
class Snippets:
    """Two ways to ignore a finding."""

    toml: str
    comment: str  # at its line; "" where it has none


def ignore_snippets(finding: Finding) -> Snippets:
    """An ignore of this rule at the sites of this finding. A configuration reads the braces of a pattern."""
    rule = safe(finding.rule, 40)
    fields = (("rule", rule), ("site", as_glob(finding.where)), ("reason", REASON))
    lines = [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in fields if value]
    comment = f"# attnprobe: ignore[{rule}] -- {REASON}" if finding.location else ""
    return Snippets("\n".join(("[[tool.attnprobe.ignore]]", *lines)), comment)
