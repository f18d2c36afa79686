"""`attnprobe rules list`."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

import click

from attnprobe.commands.ruling.validating import print_faults
from attnprobe.commands.terminal.failure import visible
from attnprobe.commands.terminal.session import session_options
from attnprobe.errors import RuleError
from attnprobe.records import Category, Severity, Subjects

if TYPE_CHECKING:
    from attnprobe.checking.packs import Rule

_COLUMNS = ("id", "name", "level", "severity", "status", "category")


@click.command(
    "list",
    short_help="List the rules that are installed.",
    help="List the rules that are installed: id, name, level, severity, status, category.",
    epilog="Example: attnprobe rules list --category correctness --severity error",
)
@click.option("--category", type=click.Choice(get_args(Category)), help="Only these.")
@click.option("--severity", type=click.Choice(get_args(Severity)), help="Only these.")
@click.option("--level", type=click.Choice(get_args(Subjects)), help="Only these.")
@click.option(
    "--status", type=click.Choice(["preview", "stable", "deprecated", "removed"]), help="Only these."
)
@click.option("--metric", metavar="NAME", help="Only those that read this metric.")
@click.option("--pack", metavar="NAME", help="Only those of this pack.")
@session_options
def list_rules(
    category: str | None,
    severity: str | None,
    level: str | None,
    status: str | None,
    metric: str | None,
    pack: str | None,
) -> None:
    """Print a table.

    Raises:
        RuleError: A rule file cannot be read; the others are listed.
    """
    from attnprobe.checking.packs import installed

    wanted = {"category": category, "severity": severity, "level": level, "status": status, "pack": pack}
    rules, faults = installed()
    rows = [
        rule
        for rule in rules
        if all(value is None or getattr(rule, key) == value for key, value in wanted.items())
        and (metric is None or metric in rule.metrics)
    ]
    for line in _table(rows):
        click.echo(line)
    print_faults(faults)
    if faults:
        raise RuleError(f"{len(faults)} rule files cannot be read")


def _table(rules: list[Rule]) -> list[str]:
    rows = [_COLUMNS, *(tuple(visible(getattr(rule, key)) for key in _COLUMNS) for rule in rules)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_COLUMNS))]
    lines = ["  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)) for row in rows]
    return [*(line.rstrip() for line in lines), f"{len(rules)} {'rule' if len(rules) == 1 else 'rules'}"]
