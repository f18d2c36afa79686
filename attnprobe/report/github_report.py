"""Annotations of a GitHub workflow, to be printed in a step of a job."""

from __future__ import annotations

from attnprobe.records import Scan
from attnprobe.report.parts.output import Report


def _render(scan: Scan, language: str) -> bytes:
    from attnprobe.report.annotations.github import workflow_commands

    return workflow_commands(scan, language).encode("utf-8")


report = Report(
    title="workflow commands: annotations at the lines of the code",
    suffix=".txt",
    media_type="text/plain",
    is_translated=True,
    render=_render,
)
