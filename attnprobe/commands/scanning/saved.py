"""Scans that were saved: named on the command line beside models."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from attnprobe.records import Scan

STDIN = "-"


def is_saved_scan(target: str) -> bool:
    """Whether a target is the file of a scan, or stdin, rather than a model."""
    return target == STDIN or target.endswith(".json")


def read_saved(target: str) -> Scan:
    """The scan in a file, or on stdin.

    Raises:
        ScanFileError: It cannot be read, or holds no scan.
    """
    from attnprobe import scan_file

    if target != STDIN:
        return scan_file.read(Path(target))
    text = sys.stdin.buffer.read(scan_file.MAX_BYTES + 1)
    return scan_file.load(text.decode("utf-8", errors="backslashreplace"))
