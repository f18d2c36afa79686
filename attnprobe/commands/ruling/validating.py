"""`attnprobe rules validate`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from attnprobe.commands.explaining.replacements import replacements
from attnprobe.commands.terminal.failure import visible
from attnprobe.commands.terminal.session import session_options
from attnprobe.errors import RuleError
from attnprobe.registry import nearest

if TYPE_CHECKING:
    from attnprobe.checking.packs import Rule


@click.command(
    "validate",
    short_help="Check rule files without running anything.",
    help="Check rule files, or all of a folder, without running anything: form, names, expressions, texts.",
    epilog="Example: attnprobe rules validate my_rules/",
)
@click.argument("paths", metavar="PATH…", nargs=-1, required=True, type=click.Path(path_type=Path))
@session_options
def validate(paths: tuple[Path, ...]) -> None:
    """Print every fault, then how many rules are right.

    Raises:
        RuleError: There was a fault.
    """
    from attnprobe.checking.packs import check_paths

    rules, faults = check_paths(paths)
    faults = (*faults, *_unknown_replacements(rules))
    print_faults(faults)
    click.echo(f"{len(rules)} {'rule is' if len(rules) == 1 else 'rules are'} right")
    if faults:
        raise RuleError(f"{len(faults)} {'fault' if len(faults) == 1 else 'faults'} in rule files")


def _unknown_replacements(rules: Iterable[Rule]) -> Iterator[RuleError]:
    """A built-in attention that a rule offers and nobody has."""
    known = replacements()
    for rule in rules:
        for each in rule.suggest:
            if not each.change and each.name not in known:
                yield RuleError(
                    f"{rule.origin}: no built-in attention is named '{each.name}'{nearest(each.name, known)}",
                    hint="`attnprobe explain` without a name lists them.",
                )


def print_faults(faults: tuple[RuleError, ...]) -> None:
    """One line each, with its hint below."""
    for fault in faults:
        click.echo(visible(fault.message))
        if fault.hint:
            click.echo(f"  {visible(fault.hint)}")
