"""Keep the findings that are known, so that a check fails on new and worsened ones alone."""

from __future__ import annotations

import click

from attnprobe.commands.baselining.showing import show
from attnprobe.commands.baselining.writing import create, prune, update

_HELP = """Keep the findings that are known, so that a check fails on new and worsened ones alone.

The file, attnprobe-baseline.json, is meant to be committed: sorted, one line per finding, no line numbers.
"""


@click.group("baseline", help=_HELP, epilog="Example: attnprobe baseline create attnprobe-scan.json")
def command() -> None:
    """Choose a verb."""


for verb in (create, update, prune, show):
    command.add_command(verb)
