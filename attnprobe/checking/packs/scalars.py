"""What a plain word of YAML means: what a reader expects, and nothing else.

YAML 1.1 reads `no` as False, `012` as 10, `1:30` as 90 and `2026-01-31` as a date. Here true and false are
the only booleans, a number is written as in JSON, null is nothing; every other word is text.
"""

from __future__ import annotations

import math
import re

_INTEGER = re.compile(r"-?(0|[1-9][0-9]{0,17})")
_NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,17})(\.[0-9]{1,30})?([eE][+-]?[0-9]{1,3})?")
_WORDS: dict[str, bool | None] = {"true": True, "false": False, "null": None, "~": None, "": None}


def plain_value(word: str) -> str | int | float | bool | None:
    """The value of a scalar that stands without quotes."""
    if word in _WORDS:
        return _WORDS[word]
    if _INTEGER.fullmatch(word):
        return int(word)
    if _NUMBER.fullmatch(word):
        number = float(word)
        return number if math.isfinite(number) else word
    return word
