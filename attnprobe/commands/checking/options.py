"""The options by which rules are chosen and a check is gated. The same names mean the same everywhere."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

_SEVERITIES = click.Choice(["error", "warning", "info"])


def _codes(context: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(code.strip() for value in values for code in value.split(",") if code.strip())


def _day(context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    if value is None:
        return None
    try:
        return date.fromisoformat(value).isoformat()
    except ValueError:
        raise click.BadParameter(f"'{value}' is not a day: write 2026-11-21.") from None


_RULES = (
    click.option(
        "--select",
        multiple=True,
        callback=_codes,
        metavar="CODES",
        help="Repeatable: only these rules, by id, name or prefix (AP1).",
        show_default="all",
    ),
    click.option(
        "--ignore",
        "deselect",
        multiple=True,
        callback=_codes,
        metavar="CODES",
        help="Repeatable: without these rules.",
    ),
    click.option("--preview/--no-preview", default=None, help="With the rules that are not stable yet."),
    click.option(
        "--rules",
        "packs",
        multiple=True,
        metavar="FOLDER",
        type=click.Path(exists=True, file_okay=False),
        help="Repeatable: further rules of your own.",
    ),
    click.option(
        "--config",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="The configuration file.",
        show_default="the nearest pyproject.toml or attnprobe.toml",
    ),
    click.option(
        "--today",
        callback=_day,
        metavar="DATE",
        help="The day by which ignores end.",
        show_default="the local date",
    ),
)
_GATE = (
    click.option("--fail-on", type=_SEVERITIES, help="The lowest severity that fails.", show_default="error"),
    click.option(
        "--baseline",
        metavar="FILE",
        type=click.Path(exists=True, dir_okay=False),
        help="Findings that are known: only new and worsened ones fail.",
    ),
    click.option(
        "--strict-baseline", is_flag=True, help="Fail when the baseline holds findings that are gone."
    ),
    click.option(
        "--allow-mismatch", is_flag=True, help="Take a baseline of another model, workload or rule set."
    ),
)


def rule_options(command: F) -> F:
    """Add what chooses the rules."""
    for option in reversed(_RULES):
        command = option(command)
    return command


def gate_options(command: F) -> F:
    """Add what decides whether a check fails."""
    for option in reversed(_GATE):
        command = option(command)
    return command
