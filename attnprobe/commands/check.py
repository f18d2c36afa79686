"""Judge a model, or a saved scan, and fail when a rule or a budget says so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from attnprobe.commands.checking.measuring import without_idle_probes
from attnprobe.commands.checking.options import gate_options, rule_options
from attnprobe.commands.checking.settings import language_of, settings_of
from attnprobe.commands.checking.verdict import conclude
from attnprobe.commands.outputs.rendered import report_formats
from attnprobe.commands.outputs.requested import check_outputs, parse_outputs
from attnprobe.commands.scanning.given import configured, scan_given, sources_of
from attnprobe.commands.scanning.options import result_options, scan_options
from attnprobe.commands.scanning.saved import is_saved_scan, read_saved
from attnprobe.commands.terminal.session import Session, session_options
from attnprobe.errors import UsageError

_HELP = """Judge a model, or a saved scan, and fail when a rule or a budget says so.

TARGET is a model as for `attnprobe scan`, the attnprobe-scan.json of an earlier scan, or '-' for a saved scan
on stdin. Without one: `model` of the configuration.

Exit code: 0 passed, 1 a finding at or above --fail-on or a budget broken, 2 usage, configuration or a rule,
3 the scan is incomplete.
"""


@click.command(
    "check", help=_HELP, epilog="Example: attnprobe check attnprobe-scan.json --output sarif=attnprobe.sarif"
)
@click.argument("target", required=False)
@gate_options
@click.option(
    "--base",
    metavar="SCAN",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A saved scan of the version before: for rules and budgets about change.",
)
@rule_options
@scan_options
@result_options("the verdict on stdout")
@session_options
@click.pass_obj
def command(session: Session, /, target: str | None, outputs: tuple[str, ...], **given: Any) -> int:
    """Scan or read, judge, write, and say how it ended."""
    from attnprobe.judging import judge, prepare

    formats = report_formats()
    settings = settings_of(given)
    target = target or settings.model
    if not target:
        raise UsageError(
            "check needs a TARGET", hint="Name a model or a saved scan, or set `model` in [tool.attnprobe]."
        )
    requested = parse_outputs(outputs, formats)
    check_outputs(requested, sources=sources_of(target, given))
    rules, settings = prepare(settings)  # what is wrong with them ends the run now, not after the scan
    if is_saved_scan(target):
        scan = read_saved(target)
    else:
        asked = without_idle_probes(configured(given, settings.scan), rules, settings)
        scan = scan_given(target, asked, session)
    base = read_saved(str(given["base"])) if given["base"] else None
    judged = judge(
        scan,
        settings,
        root=Path.cwd(),
        base=base,
        base_name=str(given["base"] or ""),
        allow_mismatch=given["allow_mismatch"],
        strict_baseline=given["strict_baseline"],
    )
    return conclude(judged, requested, language_of(settings), formats, session)
