"""The judged scan of a target, and the path of the baseline."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attnprobe.commands.checking.measuring import without_idle_probes
from attnprobe.commands.checking.settings import settings_of
from attnprobe.commands.scanning.given import configured, scan_given
from attnprobe.commands.scanning.saved import is_saved_scan, read_saved
from attnprobe.commands.terminal.session import Session
from attnprobe.errors import UsageError

if TYPE_CHECKING:
    from attnprobe.records import Scan, Settings

_DEFAULT = "attnprobe-baseline.json"


def baseline_path(given: Mapping[str, Any]) -> Path:
    """Where the baseline lies: as the command line, else the configuration, says."""
    return Path(settings_of(given).baseline or _DEFAULT)


def judged_target(target: str | None, given: dict[str, Any], session: Session) -> tuple[Scan, Settings]:
    """The scan with its findings, held against no baseline; and the settings as they were read.

    Raises:
        AttnprobeError: No target, a scan that fails or cannot be read, settings or rules that are wrong.
    """
    from attnprobe.judging import judge, prepare

    settings = settings_of(given)
    target = target or settings.model
    if not target:
        raise UsageError(
            "baseline needs a TARGET",
            hint="Name a model or a saved scan, or set `model` in [tool.attnprobe].",
        )
    rules, checked = prepare(settings)
    if is_saved_scan(target):
        scan = read_saved(target)
    else:
        asked = without_idle_probes(configured(given, settings.scan), rules, checked)
        scan = scan_given(target, asked, session)
    return judge(scan, replace(settings, baseline=""), root=Path.cwd()), settings
