"""Which day it is, for ignores that end."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime

from attnprobe.checking.settings.readers import is_day
from attnprobe.errors import SettingsError


def day_of(today: str, environ: Mapping[str, str]) -> tuple[str, str]:
    """The day and what it was taken from.

    Args:
        today: Of the command line; "" where it is silent.
        environ: ATTNPROBE_TODAY, a day; SOURCE_DATE_EPOCH, seconds, whose day is that of UTC.

    Raises:
        SettingsError: One of them is no day.
    """
    for name, written in (("--today", today), ("ATTNPROBE_TODAY", environ.get("ATTNPROBE_TODAY", ""))):
        if written:
            if not is_day(written):
                raise SettingsError(f"'{written[:40]}' is not a day: write 2026-11-21", location=name)
            return written, name
    epoch = environ.get("SOURCE_DATE_EPOCH", "")
    if epoch:
        return _day_of_epoch(epoch), "SOURCE_DATE_EPOCH"
    return date.today().isoformat(), "the local date"


def _day_of_epoch(epoch: str) -> str:
    try:
        if not epoch.isascii() or not epoch.isdigit():
            raise ValueError
        return datetime.fromtimestamp(int(epoch), UTC).date().isoformat()
    except (ValueError, OverflowError, OSError):
        message = f"'{epoch[:40]}' is not a number of seconds since 1970"
        raise SettingsError(message, location="SOURCE_DATE_EPOCH") from None
