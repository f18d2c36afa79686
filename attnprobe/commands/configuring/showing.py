"""`attnprobe config show`."""

from __future__ import annotations

from pathlib import Path

import click

from attnprobe.commands.terminal.failure import visible, without_commands
from attnprobe.commands.terminal.session import session_options


@click.command(
    "show",
    help="Show every setting in force, as an attnprobe.toml would say it. Unknown keys, rules and options, "
    "and values of a wrong type, are errors.",
    epilog="Example: attnprobe config show --origin",
)
@click.option("--origin", "has_origins", is_flag=True, help="Say for each where it was set.")
@click.option(
    "--config",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The configuration file.",
    show_default="the nearest pyproject.toml or attnprobe.toml",
)
@session_options
def show(has_origins: bool, config: Path | None) -> None:
    """Read, check against the rules, print."""
    from attnprobe.commands.checking.settings import settings_of
    from attnprobe.commands.configuring.toml_text import settings_text
    from attnprobe.judging import prepare

    settings = settings_of({"config": config, "today": None})
    prepare(settings)
    for notice in settings.notices:
        click.echo(visible(notice), err=True)
    for line in settings_text(settings, has_origins=has_origins):
        click.echo(without_commands(line))
