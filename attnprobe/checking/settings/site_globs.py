"""Patterns over the names of sites, as people write them and as reports print them.

`*` any characters, `?` one, `[ab]` one of them, `{0..11}` a number of that range, `{0,2,4}` one of those; and
", " between several patterns. A pattern names a module with all of its calls and cores: "h.0.attn" is also
"h.0.attn#1" and "h.0.attn:1".
"""

from __future__ import annotations

import re
from collections.abc import Callable
from fnmatch import translate
from functools import lru_cache

_BRACES = re.compile(r"\{(\d{1,9})\.\.(\d{1,9})\}|\{(\d{1,9}(?:,\d{1,9})+)\}")
_SUFFIX = re.compile(r"(?:[#:]\d+)+$")  # of a further call or core of the same module
_MOST_BRACES = 20


@lru_cache(maxsize=1024)
def site_matcher(pattern: str) -> Callable[[str], bool]:
    """A function that tells whether a site's id matches.

    Raises:
        ValueError: The pattern is empty or has too many braces.
    """
    parts = tuple(_one(part.strip()) for part in re.split(r",(?![^{]*\})", pattern))

    def matches(site: str) -> bool:
        names = {site, _SUFFIX.sub("", site)}
        return any(part(name) for part in parts for name in names)

    return matches


def _one(pattern: str) -> Callable[[str], bool]:
    if not pattern:
        raise ValueError("one of its parts is empty")
    pieces = _BRACES.split(pattern)  # text, from, to, list, text, …
    if len(pieces) // 4 > _MOST_BRACES:
        raise ValueError(f"more than {_MOST_BRACES} braces")
    checks = [_check(*pieces[at : at + 3]) for at in range(1, len(pieces), 4)]
    number = r"(?<!\d)(\d+)(?!\d)"
    compiled = re.compile(number.join(_regex(text) for text in pieces[::4]), re.DOTALL)

    def matches(name: str) -> bool:
        if name == pattern:
            return True
        found = compiled.fullmatch(name)
        return found is not None and all(
            check(int(digits)) for check, digits in zip(checks, found.groups(), strict=True)
        )

    return matches


def _check(first: str | None, last: str | None, listed: str | None) -> Callable[[int], bool]:
    if listed is not None:
        numbers = frozenset(int(each) for each in listed.split(","))
        return lambda value: value in numbers
    low, high = int(first or 0), int(last or 0)
    return lambda value: low <= value <= high


def _regex(text: str) -> str:
    return translate(text).removeprefix("(?s:").removesuffix(r")\Z")
