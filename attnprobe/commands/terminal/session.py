"""What holds for the whole run: how much is said, in which colours, and whether tracebacks are shown."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from rich.console import Console

F = TypeVar("F", bound=Callable[..., Any])

_COLORS = {"auto": None, "always": True, "never": False}


@dataclass(slots=True)
class Session:
    """Set by the options that every command has."""

    debug: bool = False
    quiet: bool = False
    color: bool | None = None  # None: where a terminal listens and NO_COLOR is not set

    def console(self) -> Console:
        """The console of messages: stderr. Data never reaches it as markup."""
        from rich.console import Console

        return Console(
            stderr=True,
            markup=False,
            highlight=False,
            emoji=False,
            force_terminal=self.color,
            no_color=None if self.color is None else not self.color,
        )


def session_options(command: F) -> F:
    """Add --debug, --quiet and --color to a command."""
    for option in (_DEBUG, _QUIET, _COLOR):
        command = option(command)
    return command


def _setter(name: str) -> Callable[[click.Context, click.Parameter, Any], None]:
    def keep(context: click.Context, parameter: click.Parameter, value: Any) -> None:
        setattr(context.find_object(Session), name, _COLORS[value] if name == "color" else value)

    return keep


_DEBUG = click.option(
    "--debug",
    is_flag=True,
    expose_value=False,
    is_eager=True,
    callback=_setter("debug"),
    help="Show tracebacks, and what the model printed.",
)
_QUIET = click.option(
    "--quiet",
    "-q",
    is_flag=True,
    expose_value=False,
    is_eager=True,
    callback=_setter("quiet"),
    help="No progress and no summary; errors only.",
)
_COLOR = click.option(
    "--color",
    type=click.Choice(list(_COLORS)),
    default="auto",
    expose_value=False,
    is_eager=True,
    callback=_setter("color"),
    help="Colours. `auto` follows the terminal and NO_COLOR.",
)
