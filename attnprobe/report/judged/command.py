"""The command that repeats a check."""

from __future__ import annotations

import re
import shlex

from attnprobe.records import Scan
from attnprobe.report.judged.places import shown_side
from attnprobe.report.parts.command import command

_COMMIT = re.compile(r"\(([0-9a-f]{7,40})\)$")
_SCAN = "attnprobe scan "
_SAVED = ".json"  # a saved scan, and no revision


def check_command(scan: Scan) -> str:
    """ "attnprobe diff --base 1a2b3c4 model.py": the scan's command line under the verb that judges it."""
    told = command(scan)
    if scan.judgement is None or not told.startswith(_SCAN):
        return told
    gate = "" if scan.judgement.fail_on == "error" else f" --fail-on {scan.judgement.fail_on}"
    rest = told.removeprefix(_SCAN) + gate
    if scan.comparison is None:
        return f"attnprobe check {rest}"
    if scan.comparison.base.endswith(_SAVED):
        saved = (scan.comparison.base, scan.comparison.head)
        return f"attnprobe diff {' '.join(shlex.quote(shown_side(name, 200)) for name in saved)}"
    return f"attnprobe diff --base {shlex.quote(_revision(scan.comparison.base))} {rest}"


def _revision(base: str) -> str:
    """The commit of "origin/main (1a2b3c4)", or the name itself where it carries none."""
    commit = _COMMIT.search(base)
    return commit[1] if commit else shown_side(base, 200)
