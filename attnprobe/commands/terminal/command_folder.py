"""A click group whose commands are the files of a folder, imported only when one is run."""

from __future__ import annotations

from importlib import import_module

import click

from attnprobe.commands.terminal.sources import first_line
from attnprobe.errors import PluginError, UsageError
from attnprobe.registry import module_names, nearest

PACKAGE = "attnprobe.commands"


class CommandFolder(click.Group):
    """`scan.py` is the command `scan`. Its one-line help is the first line of the file's docstring."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of the files; none is imported."""
        return list(module_names(PACKAGE))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command:
        """Import one file and take its `command`.

        Raises:
            UsageError: There is no such file; offers the nearest.
            PluginError: The file does not import, or defines no command.
        """
        names = module_names(PACKAGE)
        if cmd_name not in names:
            raise UsageError(
                f"no command is named '{cmd_name}'{nearest(cmd_name, names)}",
                hint=f"Known: {', '.join(names)}.",
            )
        try:
            command = import_module(f"{PACKAGE}.{cmd_name}").command
        except (ImportError, AttributeError) as error:
            raise PluginError(f"{PACKAGE}.{cmd_name} is not a usable command: {error}") from error
        if not isinstance(command, click.Command):
            raise PluginError(
                f"{PACKAGE}.{cmd_name}: `command` is a {type(command).__name__}, not a click command"
            )
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, first_line(f"{PACKAGE}.{name}")) for name in self.list_commands(ctx)])
