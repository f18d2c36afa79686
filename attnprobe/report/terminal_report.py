"""The summary of a scan as plain text, as the terminal shows it."""

from __future__ import annotations

from attnprobe.records import Scan
from attnprobe.report.parts.output import Report


def _render(scan: Scan, language: str) -> bytes:
    from attnprobe.report.summary.printing import summary_text

    return summary_text(scan, language).encode("utf-8", "backslashreplace")


report = Report(
    title="the summary of the terminal, as plain text",
    suffix=".txt",
    media_type="text/plain",
    is_translated=True,
    render=_render,
)
