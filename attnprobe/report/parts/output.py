"""What a module of `attnprobe/report/` defines as `report`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from attnprobe.records import Scan


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One output format."""

    title: str  # a noun phrase, "self-contained web page"
    suffix: str  # of its files, ".html"
    media_type: str
    is_translated: bool  # False: the language makes no difference
    render: Callable[[Scan, str], bytes]  # (scan, "en" or "zh") -> the whole file
