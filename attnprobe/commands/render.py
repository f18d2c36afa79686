"""Write reports of a saved scan, without the model."""

from __future__ import annotations

import click

from attnprobe.commands.outputs.rendered import render, report_formats
from attnprobe.commands.outputs.requested import check_outputs, parse_outputs
from attnprobe.commands.outputs.written import write_outputs
from attnprobe.commands.scanning.saved import STDIN, read_saved
from attnprobe.commands.terminal.session import session_options


@click.command(
    "render",
    help="Write reports of a saved SCAN, without the model. '-' reads the scan from stdin.",
    epilog="Example: attnprobe render attnprobe-scan.json --output html=report.html",
)
@click.argument("saved", metavar="SCAN", type=click.Path(allow_dash=True))
@click.option(
    "--output", "-o", "outputs", multiple=True, required=True, metavar="FORMAT=PATH", help="Repeatable."
)
@click.option("--lang", "language", type=click.Choice(["en", "zh"]), default="en", help="Of the report.")
@session_options
def command(saved: str, outputs: tuple[str, ...], language: str) -> None:
    """Read, render, write."""
    formats = report_formats()
    requested = parse_outputs(outputs, formats)
    check_outputs(requested, sources=() if saved == STDIN else (saved,))
    write_outputs(render(read_saved(saved), requested, language, formats))
