"""SARIF 2.1.0, for code scanning: GitHub, Azure DevOps, editors."""

from __future__ import annotations

from attnprobe.records import Scan
from attnprobe.report.parts.output import Report


def _render(scan: Scan, language: str) -> bytes:
    from attnprobe.report.sarif.log import sarif_text

    return sarif_text(scan, language).encode("ascii")


report = Report(
    title="findings as SARIF 2.1.0, for code scanning",
    suffix=".sarif",
    media_type="application/sarif+json",
    is_translated=True,
    render=_render,
)
