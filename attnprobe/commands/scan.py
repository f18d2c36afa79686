"""Find and measure every attention of a model, and write the report."""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import click

from attnprobe.commands.outputs.rendered import render, report_formats
from attnprobe.commands.outputs.requested import Output, check_outputs, parse_outputs
from attnprobe.commands.outputs.written import write_outputs
from attnprobe.commands.scanning.options import scan_options
from attnprobe.commands.terminal.failure import visible, without_commands
from attnprobe.commands.terminal.session import Session, session_options
from attnprobe.isolation.limits import Limits, default_memory_bytes, parse_size
from attnprobe.records import Scan, ScanOptions

DEFAULT_OUTPUTS = ("html=attnprobe-report.html", "json=attnprobe-scan.json")

_HELP = """Find and measure every attention of a model, and write the report.

TARGET is model.py, model.py:entry, package.module:attr, hf:DIR, hf:MODEL_TYPE, timm:NAME or program.pt2.

The model's code runs in a process of its own, with limits on time and memory. They keep accidents away, not
malice: scan code that you do not trust in a throw-away container.
"""


@click.command(
    "scan", help=_HELP, epilog="Example: attnprobe scan model.py --seq-len 2048 --output html=report.html"
)
@click.argument("target")
@scan_options
@session_options
@click.pass_obj
def command(session: Session, /, target: str, outputs: tuple[str, ...], language: str, **given: Any) -> None:
    """Check the outputs, scan, render, write, sum up."""
    formats = report_formats()
    requested = parse_outputs(outputs or DEFAULT_OUTPUTS, formats)
    opens = given["opens"] and _page(requested)
    check_outputs(requested, sources=_sources(target, given))
    limits = _limits(given)
    from attnprobe.commands.scanning.isolated import scan_isolated

    scan = scan_isolated(_options(target, given), limits, session, given["passed_names"])
    contents = render(scan, requested, language, formats)
    write_outputs(contents)
    if not session.quiet:
        _sum_up(scan, language, contents, is_colored=session.color)
    if opens:
        _open(opens)


def _options(target: str, given: Mapping[str, Any]) -> ScanOptions:
    named = {field.name: given[field.name] for field in fields(ScanOptions) if field.name in given}
    return ScanOptions(
        target=target, train=given["mode"] == "train", backward=given["mode"] != "infer", **named
    )


def _limits(given: Mapping[str, Any]) -> Limits:
    size = given["memory_limit"]
    return Limits(seconds=given["timeout"], memory_bytes=parse_size(size) if size else default_memory_bytes())


def _sources(target: str, given: Mapping[str, Any]) -> list[str]:
    """The files that the scan reads, as far as the command line tells."""
    data = (given["data"] or "").rpartition(":")[0]
    candidates = (target, target.rpartition(":")[0], given["weights"] or "", data)
    return [name for name in candidates if name and "\0" not in name and Path(name).exists()]


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
