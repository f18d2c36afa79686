"""Text that came from somebody's model, made harmless to look at."""

from __future__ import annotations

import re
from glob import escape

MAX_CHARACTERS = 300
LONGEST_GLOB = 1000

# Control characters (C0, C1, DEL), invisible and direction-changing ones, line and paragraph separators,
# interlinear marks, byte-order marks, language tags, lone surrogates, non-characters.
_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f"
    "\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff9-\uffff\U000e0000-\U000e0fff\ud800-\udfff]"
)


def safe(text: str, limit: int = MAX_CHARACTERS) -> str:
    """The text with every unprintable or deceptive character as a visible escape, cut at `limit`.

    The middle is left out of what is too long, because both ends of a module path tell something.
    """
    if len(text) > limit:
        half = (limit - 3) // 2
        return f"{safe(text[:half])} … {safe(text[-half:])}"
    return _UNSAFE.sub(_escape, text)


def as_glob(text: str) -> str:
    """A glob that matches the text, in which nothing is unprintable, deceptive or endless.

    `?` stands for what is, `*` for the middle of what is too long.
    """
    if len(text) > LONGEST_GLOB:
        return f"{as_glob(text[:100])}*{as_glob(text[-100:])}"
    return _UNSAFE.sub("?", escape(text))


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
