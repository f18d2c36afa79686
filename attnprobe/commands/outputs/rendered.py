"""Rendering a scan in the formats that were asked for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from attnprobe.commands.outputs.requested import Output
from attnprobe.registry import Plugin, discover, pick

if TYPE_CHECKING:
    from attnprobe.records import Scan
    from attnprobe.report.parts.output import Report


def report_formats() -> Mapping[str, Plugin[Report]]:
    """Every report format, ours and those of plug-ins."""
    return discover("attnprobe.report", "report", group="attnprobe.reports", suffix="_report")


def render(
    scan: Scan, outputs: Iterable[Output], language: str, formats: Mapping[str, Plugin[Report]]
) -> Mapping[Output, bytes]:
    """Bytes for each output."""
    return {
        output: pick(output.format, formats, "report format").render(scan, language) for output in outputs
    }
