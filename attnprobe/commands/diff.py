"""Compare two versions of a model, and fail when the newer one breaks a rule or a budget."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from attnprobe.commands.checking.measuring import without_idle_probes
from attnprobe.commands.checking.options import gate_options, rule_options
from attnprobe.commands.checking.settings import language_of, settings_of
from attnprobe.commands.checking.verdict import conclude
from attnprobe.commands.outputs.rendered import report_formats
from attnprobe.commands.outputs.requested import check_outputs, parse_outputs
from attnprobe.commands.scanning.given import configured, limits_of, options_of, sources_of
from attnprobe.commands.scanning.options import result_options, scan_options
from attnprobe.commands.scanning.saved import read_saved
from attnprobe.commands.terminal.session import Session, session_options
from attnprobe.comparing.pairing import DEFAULT_PAIRS, FEWEST_PAIRS
from attnprobe.errors import UsageError

if TYPE_CHECKING:
    from attnprobe.records import PairedTimes, Scan, Settings

_HELP = """Compare two versions of a model, and fail when the newer one breaks a rule or a budget.

Either two saved scans, or with --base a git revision and the working tree (or --head, another revision): both
are scanned on the same inputs under the same limits. The base is checked out in a temporary folder; your tree
and your index are not touched.

Exit code: 0 passed, 1 a finding at or above --fail-on or a budget broken, 2 usage, configuration or a rule,
3 one of the versions cannot be scanned.
"""


@click.command("diff", help=_HELP, epilog="Example: attnprobe diff --base origin/main model.py --static")
@click.argument("names", metavar="[BASE HEAD | TARGET]", nargs=-1)
@click.option("--base", metavar="REVISION", help="The version before, a branch, tag or commit.")
@click.option("--head", metavar="REVISION", help="The version after.", show_default="the working tree")
@click.option("--merge-base", is_flag=True, help="Compare with the commit where the head left --base.")
@click.option(
    "--time",
    "timing",
    type=click.Choice(["off", "paired"]),
    help="paired: run both versions in turns, in two processes, and compare their times.",
    show_default="paired where a budget asks for it",
)
@click.option(
    "--pairs",
    type=click.IntRange(min=FEWEST_PAIRS),
    help="Of runs in turns.",
    show_default=f"as many as the budget says, else {DEFAULT_PAIRS}",
)
@gate_options
@rule_options
@scan_options
@result_options("the verdict on stdout")
@session_options
@click.pass_obj
def command(session: Session, /, names: tuple[str, ...], outputs: tuple[str, ...], **given: Any) -> int:
    """Scan or read both, judge the head against the base, write, and say how it ended."""
    from attnprobe.judging import judge, prepare

    formats = report_formats()
    settings = settings_of(given)
    requested = parse_outputs(outputs, formats)
    check_outputs(requested, sources=[path for name in names for path in sources_of(name, given)])
    rules, checked = prepare(settings)  # what is wrong with them ends the run now, not after the scans
    asked = without_idle_probes(configured(given, settings.scan), rules, checked)
    with _compared(session, names, asked, settings) as both:
        judged = judge(
            both.head,
            settings,
            root=both.root,
            base=both.base,
            base_name=both.base_name,
            head_name=both.head_name,
            times=both.times,
            allow_mismatch=given["allow_mismatch"],
            strict_baseline=given["strict_baseline"],
        )
    return conclude(judged, requested, language_of(settings), formats, session)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Compared:
    """Both scans, and what is known of them besides."""

    base: Scan | None  # None: it does not have the target
    head: Scan
    base_name: str
    head_name: str
    root: Path  # the files of the head: their comments may ignore findings
    times: tuple[PairedTimes, ...] = ()


def _compared(
    session: Session, names: tuple[str, ...], given: Mapping[str, Any], settings: Settings
) -> AbstractContextManager[_Compared]:
    """Two saved scans, or two versions that are scanned; a revision's files last as long as the context."""
    if given["base"] is None:
        return nullcontext(_saved(names, given))
    if len(names) > 1:
        raise UsageError(
            f"diff --base takes one TARGET, not {len(names)}",
            hint="Two saved scans are compared without --base: attnprobe diff base.json head.json.",
        )
    target = names[0] if names else settings.model
    if not target:
        raise UsageError("diff --base needs a TARGET", hint="Name one, or set `model` in [tool.attnprobe].")
    return _revisions(target, session, given, settings)


def _saved(names: tuple[str, ...], given: Mapping[str, Any]) -> _Compared:
    if len(names) != 2:
        raise UsageError(
            f"diff needs two saved scans, or --base; it got {len(names)} name{'s' * (len(names) != 1)}",
            hint="attnprobe diff base.json head.json, or attnprobe diff --base origin/main model.py",
        )
    useless = [f"--{name.replace('_', '-')}" for name in ("head", "merge_base") if given[name]]
    if given["timing"] == "paired":
        useless.append("--time paired")
    if useless:
        raise UsageError(f"{useless[0]} needs --base: saved scans cannot be run", hint="Add --base REVISION.")
    before, after = (read_saved(name) for name in names)
    return _Compared(base=before, head=after, base_name=names[0], head_name=names[1], root=Path.cwd())


@contextmanager
def _revisions(
    target: str, session: Session, given: Mapping[str, Any], settings: Settings
) -> Iterator[_Compared]:
    from attnprobe.commands.revisions.scanning import Scanner, scan_both, time_both
    from attnprobe.commands.revisions.versions import versions_of

    scanner = Scanner(options_of(target, given), limits_of(given), session, tuple(given["passed_names"]))
    with versions_of(given["base"], given["head"], from_merge_base=given["merge_base"]) as (base, head):
        before, after = scan_both(scanner, base, head)
        times: tuple[PairedTimes, ...] = ()
        pairs = _pairs(given, settings)
        if pairs and before is not None:
            times = time_both(scanner, base, head, (before, after), pairs)
        yield _Compared(
            base=before,
            head=after,
            base_name=base.name,
            head_name=head.name,
            root=head.place,
            times=times,
        )


def _pairs(given: Mapping[str, Any], settings: Settings) -> int:
    """How many pairs of runs; 0: times are not compared."""
    asked = [budget.runs for budget in settings.budgets if budget.is_paired]
    if given["timing"] == "off" or (given["timing"] is None and not asked):
        return 0
    return given["pairs"] or max((FEWEST_PAIRS, *asked) if asked else (DEFAULT_PAIRS,))
