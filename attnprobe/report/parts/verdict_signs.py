"""A sign beside the word of every verdict on a change, so that colour is not all that tells it."""

from __future__ import annotations

from attnprobe.records import Change

_SIGNS = {
    "same": "=",
    "within_noise": "≈",
    "added": "+",
    "removed": "−",
    "changed": "~",
    "not_comparable": "?",
}


def sign_of(change: Change) -> str:
    """The way that a number went, where it got better or worse; else a sign for what happened."""
    if change.verdict in _SIGNS:
        return _SIGNS[change.verdict]
    is_up = change.relative > 0 if change.relative is not None else change.verdict == "worse"
    return "▲" if is_up else "▼"
