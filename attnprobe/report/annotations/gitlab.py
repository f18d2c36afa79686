"""GitLab's Code Quality: a list of entries, each with a place and a fingerprint of its own."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from typing import Any

from attnprobe.records import Finding, Scan
from attnprobe.report.judged.findings import is_failing, remedy, what_fails_first
from attnprobe.report.judged.places import location_of, path_of
from attnprobe.report.judged.plain import heading, sentence, told
from attnprobe.report.judged.target import slug
from attnprobe.report.parts.catalogue import both, check_language, join
from attnprobe.report.parts.safe_text import safe

_LIKELY = ("very-high", "high")  # precisions of rules


def code_quality(scan: Scan, language: str) -> str:
    """The file's text. A finding without a place stands at the target, or at its name."""
    check_language(language)
    seen: Counter[str] = Counter()
    entries = []
    for finding in what_fails_first(scan.findings):
        entries.append(_entry(scan, finding, language, seen[finding.fingerprint]))
        seen[finding.fingerprint] += 1
    return json.dumps(entries, indent=1, ensure_ascii=True) + "\n"


def severity(scan: Scan, finding: Finding) -> str:
    """One of GitLab's five: what fails the check is a blocker, and nothing else is."""
    if is_failing(scan, finding):
        return "blocker"
    if finding.severity == "warning":
        card = scan.rules.get(finding.rule)
        return "major" if card is None or card.precision in _LIKELY else "minor"
    return "critical" if finding.severity == "error" else "info"


def _entry(scan: Scan, finding: Finding, language: str, number: int) -> dict[str, Any]:
    location = location_of(scan, finding)
    whole = join((heading(scan, finding), sentence(finding)), "list.colon")
    helps = remedy(scan, finding)
    whole = join((whole, helps), "list.arrow") if both(helps).en else whole
    return {
        "description": told(whole, language),
        "check_name": safe(f"{finding.rule} {finding.name}", 200),
        "fingerprint": _fingerprint(finding.fingerprint, number),
        "severity": severity(scan, finding),
        "location": {
            "path": safe(path_of(location.file), 1000) if location else slug(scan),
            "lines": {"begin": max(location.line, 1) if location else 1},
        },
    }


def _fingerprint(fingerprint: str, number: int) -> str:
    """Hex digits that do not depend on lines or numbers; of a second finding with the same ones, others."""
    text = f"{fingerprint}:{number}" if number else fingerprint
    return hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()[:32]
