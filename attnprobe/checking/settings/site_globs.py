"""Patterns over the names of sites, as people write them and as reports print them.

`*` any characters, `?` one, `[ab]` one of them, `{0..2,4,6..11}` one of these numbers; and ", " between
several patterns. A pattern names a module with all of its calls and cores: "h.0.attn" is also "h.0.attn#1"
and "h.0.attn:1".
"""

from __future__ import annotations

import re
from collections.abc import Callable
from fnmatch import translate
from functools import lru_cache

_RUN = r"\d{1,9}(?:\.\.\d{1,9})?"
_BRACES = re.compile(rf"\{{({_RUN}(?:,{_RUN})*)\}}")
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
    pieces = _BRACES.split(pattern)  # text, numbers, text, numbers, …, text
    if len(pieces) // 2 > _MOST_BRACES:
        raise ValueError(f"more than {_MOST_BRACES} braces")
    checks = [_check(numbers) for numbers in pieces[1::2]]
    number = r"(?<!\d)(\d+)(?!\d)"
    compiled = re.compile(number.join(_regex(text) for text in pieces[::2]), re.DOTALL)

    def matches(name: str) -> bool:
        if name == pattern:
            return True
        found = compiled.fullmatch(name)
        return found is not None and all(
            check(int(digits)) for check, digits in zip(checks, found.groups(), strict=True)
        )

    return matches


def _check(numbers: str) -> Callable[[int], bool]:
    ends = [run.split("..") for run in numbers.split(",")]
    runs = tuple((int(each[0]), int(each[-1])) for each in ends)
    return lambda value: any(first <= value <= last for first, last in runs)


def _regex(text: str) -> str:
    return translate(text).removeprefix("(?s:").removesuffix(r")\Z")
