"""Set a project up: configuration, a place for inputs, a CI workflow. Nothing that is there is changed."""

from __future__ import annotations

from pathlib import Path

import click

from attnprobe.commands.scanning.saved import STDIN, is_saved_scan, read_saved
from attnprobe.commands.terminal.failure import visible
from attnprobe.commands.terminal.session import Session, session_options

_HELP = """Set a project up in this folder: configuration, a place for inputs, a CI workflow.

TARGET is what will be checked, as for `attnprobe scan`; or the attnprobe-scan.json of an earlier scan, from
which budgets are proposed, 25 % above what they are now.

The configuration goes to the end of pyproject.toml, or into attnprobe.toml where there is none. Nothing that
is there is changed, so a second run does nothing.
"""


@click.command("init", help=_HELP, epilog="Example: attnprobe init attnprobe-scan.json --dry-run")
@click.argument("target", required=False)
@click.option("--dry-run", "is_dry", is_flag=True, help="Print what would be written, and write nothing.")
@session_options
@click.pass_obj
def command(session: Session, /, target: str | None, is_dry: bool) -> None:
    """Plan, then print or write."""
    from attnprobe.commands.beginning.planning import plan
    from attnprobe.commands.beginning.proposing import configuration
    from attnprobe.commands.beginning.writing import write

    is_scan = target is not None and target != STDIN and is_saved_scan(target)
    scan = read_saved(str(target)) if is_scan else None
    lines = configuration(scan.model.target if scan else target or "", scan)
    steps = plan(Path(), lines)
    for step in steps:
        if step.content is None:
            click.echo(f"{visible(step.name)} {step.what}", err=True)
        elif is_dry:
            click.echo(f"# {visible(step.name)} would be {step.what}\n{step.shown}")
    if not is_dry:
        for step in write(steps):
            click.echo(f"{visible(step.name)} {step.what}")
    if not session.quiet and not any(step.content for step in steps):
        click.echo("Everything is there already: nothing to do.", err=True)
