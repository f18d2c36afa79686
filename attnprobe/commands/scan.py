"""Find and measure every attention of a model, judge the numbers, and write the report."""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import click

from attnprobe.commands.checking.options import rule_options
from attnprobe.commands.checking.settings import language_of, settings_of
from attnprobe.commands.outputs.rendered import render, report_formats
from attnprobe.commands.outputs.requested import Output, check_outputs, parse_outputs
from attnprobe.commands.outputs.written import write_outputs
from attnprobe.commands.scanning.given import configured, scan_given, sources_of
from attnprobe.commands.scanning.options import result_options, scan_options
from attnprobe.commands.terminal.failure import visible, without_commands
from attnprobe.commands.terminal.session import Session, session_options
from attnprobe.records import Scan

DEFAULT_OUTPUTS = ("html=attnprobe-report.html", "json=attnprobe-scan.json")

_HELP = """Find and measure every attention of a model, judge the numbers, and write the report.

TARGET is model.py, model.py:entry, package.module:attr, hf:DIR, hf:MODEL_TYPE, timm:NAME or program.pt2.

The model's code runs in a process of its own, with limits on time and memory. They keep accidents away, not
malice: scan code that you do not trust in a throw-away container.
"""


@click.command(
    "scan", help=_HELP, epilog="Example: attnprobe scan model.py --seq-len 2048 --output html=report.html"
)
@click.argument("target")
@scan_options
@result_options(", ".join(DEFAULT_OUTPUTS))
@rule_options
@session_options
@click.pass_obj
def command(session: Session, /, target: str, outputs: tuple[str, ...], **given: Any) -> None:
    """Check the outputs, scan, judge, render, write, sum up."""
    formats = report_formats()
    requested = parse_outputs(outputs or DEFAULT_OUTPUTS, formats)
    opens = given["opens"] and _page(requested)
    check_outputs(requested, sources=sources_of(target, given))
    settings = settings_of(given)
    language = language_of(settings)
    from attnprobe.judging import judge, prepare

    prepare(settings)  # a rule or a setting that is wrong ends the run now, not after the scan
    scan = judge(scan_given(target, configured(given, settings.scan), session), settings, root=Path.cwd())
    contents = render(scan, requested, language, formats)
    write_outputs(contents)
    if not session.quiet:
        _sum_up(scan, language, contents, is_colored=session.color)
    if opens:
        _open(opens)


def _page(outputs: Collection[Output]) -> Path:
    for output in outputs:
        if output.format == "html" and output.path is not None:
            return output.path
    raise click.UsageError("--open needs an HTML report in a file: add --output html=report.html.")


def _open(page: Path) -> None:
    import webbrowser

    if not webbrowser.open(page.resolve().as_uri()):
        print(f"No browser was found here to open {visible(str(page))}", file=sys.stderr)


def _sum_up(scan: Scan, language: str, contents: Mapping[Output, bytes], *, is_colored: bool | None) -> None:
    """The summary goes to stdout, or to stderr where stdout carries a report.

    Without the stages: the progress lines have shown them.
    """
    from attnprobe.report.summary.printing import fitted, stream_width, summary_text, wants_color

    is_stdout_taken = any(output.path is None for output in contents)
    stream = sys.stderr if is_stdout_taken else sys.stdout
    colored = wants_color(stream, os.environ) if is_colored is None else is_colored
    text = summary_text(scan, language, width=stream_width(stream), is_colored=colored, has_stages=False)
    stream.write(fitted(without_commands(text), stream.encoding or "utf-8"))
    stream.flush()
    for output in contents:
        if output.path is not None:
            size = len(contents[output]) / 1024
            print(f"Wrote {visible(str(output.path))} ({size:,.0f} KiB)", file=sys.stderr)
