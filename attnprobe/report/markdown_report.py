"""Markdown for the comment of a pull request and the summary of a job."""

from __future__ import annotations

from attnprobe.records import Scan
from attnprobe.report.parts.output import Report


def _render(scan: Scan, language: str) -> bytes:
    from attnprobe.report.markdown.comment import comment

    return comment(scan, language).encode("utf-8")


report = Report(
    title="comment of a pull request, summary of a job",
    suffix=".md",
    media_type="text/markdown",
    is_translated=True,
    render=_render,
)
