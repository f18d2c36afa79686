"""The rules over a scan, in their order, and nothing else.

scan ─ evaluate ─ suggest ─ suppress ─ baseline ─ budgets ─ judged scan

Neither the model nor torch is needed: a scan that was saved a year ago is judged like one of today.
"""

from __future__ import annotations

from pathlib import Path

from attnprobe.records import Scan, Settings


def prepare(settings: Settings) -> Settings:
    """Read the rules and hold the settings against them."""
    return settings


def judge(scan: Scan, settings: Settings, *, root: Path) -> Scan:
    """The scan with what the rules made of it."""
    return scan
