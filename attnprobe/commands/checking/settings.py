"""The settings of a running command."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attnprobe.records import Settings

_GIVEN = ("select", "deselect", "preview", "packs", "fail_on", "baseline", "language")


def settings_of(given: Mapping[str, Any]) -> Settings:
    """Command line over ATTNPROBE_* over the nearest file over the defaults.

    Args:
        given: The command's options by the names of their parameters.

    Raises:
        SettingsError: With file and line.
    """
    from attnprobe.checking.settings import read_settings

    words = {name: given[name] for name in _GIVEN if name in given}
    return read_settings(
        Path.cwd(), config=given["config"], given=words, environ=os.environ, today=given["today"] or ""
    )


def language_of(settings: Settings) -> str:
    """The language of the reports: "auto" is that of the system, English unless it is Chinese."""
    if settings.language != "auto":
        return settings.language
    system = next(
        (os.environ[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if os.environ.get(name)), ""
    )
    return "zh" if system.lower().startswith("zh") else "en"
