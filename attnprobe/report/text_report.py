"""The verdict of `attnprobe check` and `attnprobe diff` as plain text."""

from __future__ import annotations

from attnprobe.records import Scan
from attnprobe.report.parts.output import Report

PLAIN_WIDTH = 110


def verdict_text(scan: Scan, language: str, *, width: int = PLAIN_WIDTH, is_colored: bool = False) -> str:
    """The verdict of a judged scan.

    Args:
        scan: Judged; of one that is not, the text says so.
        language: "en" or "zh".
        width: In columns; from 40.
        is_colored: With ANSI colours.
    """
    from attnprobe.report.parts.catalogue import check_language
    from attnprobe.report.summary.blocks import Voice
    from attnprobe.report.summary.printing import NARROWEST, drawn
    from attnprobe.report.text.verdict import blocks_of

    voice = Voice(check_language(language), max(width, NARROWEST))
    return drawn(blocks_of(scan, voice), voice.width, is_colored=is_colored)


def _render(scan: Scan, language: str) -> bytes:
    return verdict_text(scan, language).encode("utf-8", "backslashreplace")


report = Report(
    title="the verdict of a check, as plain text",
    suffix=".txt",
    media_type="text/plain",
    is_translated=True,
    render=_render,
)
