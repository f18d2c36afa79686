"""Show the configuration in force, and where each part of it comes from."""

from __future__ import annotations

import click

from attnprobe.commands.configuring.showing import show


@click.group(
    "config",
    help="Show the configuration in force, and where each part of it comes from.",
    epilog="Example: attnprobe config show --origin",
)
def command() -> None:
    """Choose a verb."""


command.add_command(show)
