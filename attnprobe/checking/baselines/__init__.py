"""Baselines: findings that are known, so that only new and worsened ones fail a check."""

from attnprobe.checking.baselines.baseline_file import (
    DEFAULT_NAME,
    Baseline,
    Entry,
    Header,
    load,
    read,
    written,
)
from attnprobe.checking.baselines.holding import Held, held_against, stale_text
from attnprobe.checking.baselines.making import header_of, made_of
from attnprobe.checking.baselines.renewing import Renewal, pruned, renewal

__all__ = [
    "DEFAULT_NAME",
    "Baseline",
    "Entry",
    "Header",
    "Held",
    "Renewal",
    "header_of",
    "held_against",
    "load",
    "made_of",
    "pruned",
    "read",
    "renewal",
    "stale_text",
    "written",
]
