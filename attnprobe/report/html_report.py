"""One self-contained web page: no network, readable without JavaScript, in both languages."""

from __future__ import annotations

from attnprobe.records import Scan
from attnprobe.report.parts.output import Report


def _render(scan: Scan, language: str) -> bytes:
    from attnprobe.report.page.writing import render_page

    return render_page(scan, language)


report = Report(
    title="self-contained web page",
    suffix=".html",
    media_type="text/html",
    is_translated=True,
    render=_render,
)
