"""Write reports of a saved scan, without the model."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from attnprobe.commands.outputs.rendered import render, report_formats
from attnprobe.commands.outputs.requested import check_outputs, parse_outputs
from attnprobe.commands.outputs.written import write_outputs
from attnprobe.commands.terminal.session import session_options


@click.command(
    "render",
    help="Write reports of a saved SCAN, without the model. '-' reads the scan from stdin.",
    epilog="Example: attnprobe render attnprobe-scan.json --output html=report.html",
)
@click.argument("scan_path", metavar="SCAN", type=click.Path(path_type=Path, allow_dash=True))
@click.option(
    "--output", "-o", "outputs", multiple=True, required=True, metavar="FORMAT=PATH", help="Repeatable."
)
@click.option("--lang", "language", type=click.Choice(["en", "zh"]), default="en", help="Of the report.")
@session_options
def command(scan_path: Path, outputs: tuple[str, ...], language: str) -> None:
    """Read, render, write."""
    from attnprobe import scan_file

    formats = report_formats()
    requested = parse_outputs(outputs, formats)
    is_stdin = str(scan_path) == "-"
    check_outputs(requested, sources=() if is_stdin else (str(scan_path),))
    scan = scan_file.load(_stdin_text()) if is_stdin else scan_file.read(scan_path)
    write_outputs(render(scan, requested, language, formats))


def _stdin_text() -> str:
    from attnprobe.scan_file import MAX_BYTES

    return sys.stdin.buffer.read(MAX_BYTES + 1).decode("utf-8", errors="backslashreplace")
