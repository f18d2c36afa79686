"""A scan in a process of its own."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

from attnprobe.commands.terminal.failure import visible
from attnprobe.commands.terminal.progress_lines import ProgressLines
from attnprobe.commands.terminal.session import Session
from attnprobe.errors import ScanFileError, WorkerError
from attnprobe.isolation import Limits, run_job
from attnprobe.records import Scan, ScanOptions


def scan_isolated(
    options: ScanOptions,
    limits: Limits,
    session: Session,
    passed_names: Iterable[str],
    *,
    folder: Path | None = None,
    instead: tuple[str, str] | None = None,
) -> Scan:
    """Scan the target where it cannot hurt this process; show progress meanwhile.

    Args:
        options: What to scan, and how.
        limits: Of time and memory.
        session: How much is said.
        passed_names: Environment variables that the model sees besides those it needs.
        folder: The working directory of the scan; None: ours.
        instead: A folder, and another that takes its place where the project is installed from the first.

    Raises:
        AttnprobeError: The scan's own error, or how its process ended.
    """
    from attnprobe import scan_file

    with ProgressLines(session) as progress:
        progress("load torch", "start", None)
        text = run_job(
            "scan",
            {"options": asdict(options), "instead": instead},
            limits=limits,
            progress=progress,
            passed_names=passed_names,
            capture=_show if session.debug else None,
            folder=folder,
        )
    try:
        return scan_file.load(text.decode("utf-8"))
    except (ScanFileError, UnicodeDecodeError) as error:
        raise WorkerError(f"the answer of the model's process is damaged: {error}") from error


def _show(stdout: str, stderr: str) -> None:
    for name, text in (("stdout", stdout), ("stderr", stderr)):
        for line in text.splitlines():
            print(f"{name}| {visible(line)}", file=sys.stderr)
