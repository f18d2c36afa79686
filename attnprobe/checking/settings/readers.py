"""Values of the configuration by their type. Strict: "4" is no number, 1 is not true."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime
from math import isfinite

from attnprobe.checking.settings.nodes import Node
from attnprobe.errors import AttnprobeError
from attnprobe.registry import nearest

MAX_TEXT = 2000

_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_DEVICE = re.compile(r"auto|cpu|cuda(:\d{1,3})?")


def text(node: Node) -> str:
    """A text that is not empty."""
    if not isinstance(node.value, str):
        raise node.fault("a text")
    if not node.value.strip() or len(node.value) > MAX_TEXT or "\0" in node.value:
        raise node.fault(f"a text of 1 to {MAX_TEXT} characters", f"one of {len(node.value)}")
    return node.value


def texts(node: Node) -> tuple[str, ...]:
    """A list of texts; one text stands for a list of one."""
    return (text(node),) if isinstance(node.value, str) else tuple(text(each) for each in node.elements())


def flag(node: Node) -> bool:
    """True or false."""
    if not isinstance(node.value, bool):
        raise node.fault("true or false")
    return node.value


def number(node: Node, least: float, most: float = float("inf")) -> float:
    """A finite number within limits."""
    value = node.value
    expected = f"a number from {least:g}" + (f" to {most:g}" if isfinite(most) else "")
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise node.fault(expected)
    if not (isfinite(value) and least <= value <= most):
        raise node.fault(expected, str(value))
    return value


def whole(least: int, most: int = 2**63 - 1) -> Callable[[Node], int]:
    """A reader of whole numbers within limits."""

    def read(node: Node) -> int:
        expected = f"a whole number from {least}" + (f" to {most}" if most < 2**63 - 1 else "")
        if isinstance(node.value, bool) or not isinstance(node.value, int):
            raise node.fault(expected)
        if not least <= node.value <= most:
            raise node.fault(expected, str(node.value) if abs(node.value) < 2**70 else "a far larger one")
        return node.value

    return read


def wholes(least: int) -> Callable[[Node], tuple[int, ...]]:
    """A reader of lists of whole numbers."""
    one = whole(least)
    return lambda node: tuple(one(each) for each in node.elements())


def choice(*names: str) -> Callable[[Node], str]:
    """A reader of one of a few words."""

    def read(node: Node) -> str:
        if not isinstance(node.value, str) or node.value not in names:
            near = nearest(node.value, names) if isinstance(node.value, str) else ""
            error = node.fault(f"one of {', '.join(names)}")
            error.hint = near.removeprefix("; ").capitalize()
            raise error
        return node.value

    return read


def seconds(node: Node) -> float:
    """Of a time-out; 0 stands for none."""
    return number(node, 0)


def size(node: Node) -> str:
    """Of memory: "8G"."""
    from attnprobe.isolation.limits import parse_size  # brings processes along

    written = text(node)
    try:
        parse_size(written)
    except (AttnprobeError, ValueError):
        raise node.fault("a size as in 8G or 512M") from None
    return written


def device(node: Node) -> str:
    """Where a model is run."""
    if not _DEVICE.fullmatch(text(node)):
        raise node.fault("one of auto, cpu, cuda, cuda:N")
    return str(node.value)


def day(node: Node) -> str:
    """A day of the calendar, "2027-03-31"; a TOML date or a text.

    A date with a time is refused: it would end at another day in another time zone.
    """
    value = node.value
    if isinstance(value, date) and not isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, str) and is_day(value):
        return value
    raise node.fault("a day as in 2027-03-31")


def is_day(written: str) -> bool:
    """Whether a text is a day of the calendar, written like 2027-03-31."""
    if not _DAY.fullmatch(written):
        return False
    try:
        date.fromisoformat(written)
    except ValueError:
        return False
    return True
