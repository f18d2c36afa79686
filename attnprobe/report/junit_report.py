"""JUnit XML: rules and budgets as tests, for the test pages of CI systems."""

from __future__ import annotations

from attnprobe.records import Scan
from attnprobe.report.parts.output import Report


def _render(scan: Scan, language: str) -> bytes:
    from attnprobe.report.junit.suites import junit_xml

    return junit_xml(scan, language)


report = Report(
    title="rules and budgets as JUnit tests",
    suffix=".xml",
    media_type="application/xml",
    is_translated=True,
    render=_render,
)
