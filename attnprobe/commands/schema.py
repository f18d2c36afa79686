"""Print the JSON Schema of a saved scan."""

from __future__ import annotations

import json

import click

from attnprobe.commands.terminal.session import session_options


@click.command(
    "schema",
    help="Print the JSON Schema of a saved scan (attnprobe-scan.json).",
    epilog="Example: attnprobe schema > scan.schema.json",
)
@session_options
def command() -> None:
    """Print it."""
    from attnprobe import scan_file

    click.echo(json.dumps(scan_file.schema(), indent=2))
