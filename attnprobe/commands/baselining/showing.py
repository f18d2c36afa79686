"""`attnprobe baseline show`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from attnprobe.commands.baselining.telling import entry_line
from attnprobe.commands.terminal.failure import visible
from attnprobe.commands.terminal.session import session_options


@click.command(
    "show",
    help="Show a baseline: what it was made of, and the findings that it holds.",
    epilog="Example: attnprobe baseline show attnprobe-baseline.json",
)
@click.argument("file", required=False, type=click.Path(path_type=Path))
@session_options
def show(file: Path | None) -> None:
    """Print the header, then the entries."""
    from attnprobe.checking.baselines import read
    from attnprobe.commands.baselining.judged import baseline_path

    baseline = read(file or baseline_path({"config": None, "today": None}))
    header = {"date": baseline.date, "tool": baseline.tool, **asdict(baseline.header)}
    for name, value in header.items():
        click.echo(f"{name:<8} {visible(value) or '–'}")
    click.echo(f"{len(baseline.entries)} findings")
    for entry in baseline.entries:
        numbers = ", ".join(f"{name} {value!r}" for name, value in entry.metrics.items())
        shown = f"{entry_line(entry)}  {numbers}".rstrip()
        click.echo(f"  {visible(entry.fingerprint)}  {visible(shown)}")
