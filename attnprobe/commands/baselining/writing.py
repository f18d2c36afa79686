"""`attnprobe baseline create`, `update` and `prune`: what each makes of a target and the file there is."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from attnprobe.commands.baselining.judged import baseline_path, judged_target
from attnprobe.commands.baselining.telling import renewal_lines
from attnprobe.commands.checking.options import rule_options
from attnprobe.commands.outputs.requested import Output, check_outputs
from attnprobe.commands.outputs.written import write_outputs
from attnprobe.commands.scanning.options import scan_options
from attnprobe.commands.terminal.failure import visible
from attnprobe.commands.terminal.session import Session, session_options
from attnprobe.errors import UsageError

if TYPE_CHECKING:
    from attnprobe.checking.baselines import Baseline

F = TypeVar("F", bound=Callable[..., Any])

_TARGET = "TARGET is a model as for `attnprobe scan`, or the attnprobe-scan.json of an earlier scan."


def _options(command: F) -> F:
    for option in (
        session_options,
        scan_options,
        rule_options,
        click.option(
            "--baseline",
            metavar="FILE",
            type=click.Path(dir_okay=False),
            help="The file.",
            show_default="`baseline` of the configuration, else attnprobe-baseline.json",
        ),
        click.argument("target", required=False),
    ):
        command = option(command)
    return command


@click.command(
    "create",
    help=f"Write the baseline of a model that has none yet. {_TARGET}",
    epilog="Example: attnprobe baseline create attnprobe-scan.json",
)
@_options
@click.pass_obj
def create(session: Session, /, target: str | None, **given: Any) -> None:
    """Judge, and write all findings."""
    from attnprobe.checking.baselines import made_of, renewal

    path = baseline_path(given)
    if path.exists():
        raise UsageError(f"{path} is there already", hint="`attnprobe baseline update` writes it anew.")
    _check(path)
    scan, settings = judged_target(target, given, session)
    made = made_of(scan, settings)
    _write(path, made, renewal_lines(renewal(None, made)), session)
    if not settings.baseline and not session.quiet:
        click.echo(f'Commit it, and set baseline = "{path.as_posix()}" in [tool.attnprobe].', err=True)


@click.command(
    "update",
    help=f"Write the baseline anew: what is found now is known from now on. {_TARGET}",
    epilog="Example: attnprobe baseline update attnprobe-scan.json",
)
@_options
@click.pass_obj
def update(session: Session, /, target: str | None, **given: Any) -> None:
    """Judge, write all findings, and say what changed."""
    from attnprobe.checking.baselines import made_of, read, renewal
    from attnprobe.errors import BaselineError

    path = baseline_path(given)
    if not path.exists():
        raise UsageError(f"{path} is not there", hint="`attnprobe baseline create` writes it.")
    _check(path)
    try:
        before = read(path)
    except BaselineError as error:  # a merge that failed is what one updates for
        click.echo(f"The old one is lost: {visible(error.message)}", err=True)
        before = None
    scan, settings = judged_target(target, given, session)
    made = made_of(scan, settings)
    _write(path, made, renewal_lines(renewal(before, made)), session)


@click.command(
    "prune",
    help=f"Take out of the baseline what is gone, and lower what became better. Nothing is added. {_TARGET}",
    epilog="Example: attnprobe baseline prune attnprobe-scan.json",
)
@click.option(
    "--allow-mismatch", is_flag=True, help="Take a baseline of another model, workload or rule set."
)
@_options
@click.pass_obj
def prune(session: Session, /, target: str | None, allow_mismatch: bool, **given: Any) -> None:
    """Judge, hold against the baseline, and write what is left of it."""
    from attnprobe.checking.baselines import held_against, pruned, read, renewal

    path = baseline_path(given)
    before = read(path)
    _check(path)
    scan, _ = judged_target(target, given, session)
    held = held_against(
        scan, scan.findings, before, allow_mismatch, ignored=scan.ignored, outcomes=scan.outcomes
    )
    for notice in held.notices:
        click.echo(visible(notice), err=True)
    after = pruned(scan, before, held)
    _write(path, after, renewal_lines(renewal(before, after)), session)


def _check(path: Path) -> None:
    """Before the scan, not after it."""
    check_outputs((Output("baseline", path),))


def _write(path: Path, baseline: Baseline, lines: Iterable[str], session: Session) -> None:
    from attnprobe.checking.baselines import written

    write_outputs({Output("baseline", path): written(baseline).encode()})
    if session.quiet:
        return
    for line in lines:
        click.echo(visible(line))
    count = len(baseline.entries)
    click.echo(f"Wrote {visible(str(path))}: {count} finding{'s' * (count != 1)}", err=True)
