"""The end of a check: its text, its files, its exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING

from attnprobe.commands.outputs.rendered import render
from attnprobe.commands.outputs.requested import Output
from attnprobe.commands.outputs.written import write_outputs
from attnprobe.commands.terminal.failure import visible, without_commands

if TYPE_CHECKING:
    from attnprobe.commands.terminal.session import Session
    from attnprobe.records import Scan
    from attnprobe.registry import Plugin
    from attnprobe.report.parts.output import Report

PASSED, FAILED = 0, 1


def conclude(
    scan: Scan,
    requested: tuple[Output, ...],
    language: str,
    formats: Mapping[str, Plugin[Report]],
    session: Session,
) -> int:
    """Write the outputs of a judged scan, print the verdict, and give the exit code.

    The verdict goes to stdout, or to stderr where stdout carries an output.
    """
    contents = render(scan, requested, language, formats)
    write_outputs(contents)
    is_stdout_taken = any(output.path is None for output in contents)
    if not session.quiet:
        _print_verdict(scan, language, session, is_stdout_taken=is_stdout_taken)
        for output in contents:
            if output.path is not None:
                print(f"Wrote {visible(str(output.path))}", file=sys.stderr)
    assert scan.judgement is not None
    return PASSED if scan.judgement.passed else FAILED


def _print_verdict(scan: Scan, language: str, session: Session, *, is_stdout_taken: bool) -> None:
    from attnprobe.report.summary.printing import fitted, stream_width, wants_color
    from attnprobe.report.text_report import verdict_text

    stream = sys.stderr if is_stdout_taken else sys.stdout
    is_colored = wants_color(stream, os.environ) if session.color is None else session.color
    text = verdict_text(scan, language, width=stream_width(stream), is_colored=is_colored)
    stream.write(fitted(without_commands(text), stream.encoding or "utf-8"))
    stream.flush()
