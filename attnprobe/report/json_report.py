"""The saved scan itself: attnprobe-scan.json."""

from __future__ import annotations

from attnprobe.records import Scan
from attnprobe.report.parts.output import Report
from attnprobe.scan_file import dump


def _render(scan: Scan, language: str) -> bytes:
    return dump(scan).encode("ascii")


report = Report(
    title="the saved scan, for other programs and later reports",
    suffix=".json",
    media_type="application/json",
    is_translated=False,
    render=_render,
)
