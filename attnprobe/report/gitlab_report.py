"""Code Quality of a GitLab merge request."""

from __future__ import annotations

from attnprobe.records import Scan
from attnprobe.report.parts.output import Report


def _render(scan: Scan, language: str) -> bytes:
    from attnprobe.report.annotations.gitlab import code_quality

    return code_quality(scan, language).encode("ascii")


report = Report(
    title="findings as GitLab Code Quality",
    suffix=".json",
    media_type="application/json",
    is_translated=True,
    render=_render,
)
