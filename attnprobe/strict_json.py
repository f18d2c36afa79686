"""JSON as its standard has it: every key once, no NaN, no infinity, and an object at the top."""

from __future__ import annotations

import json
from typing import Any

from attnprobe.errors import ScanFileError


def parse_object(text: str, most: int) -> dict[str, Any]:
    """The object that a text holds.

    Args:
        text: Untrusted.
        most: Characters.

    Raises:
        ScanFileError: Too long, too deep, cut short, a key twice, NaN or infinity, or no object at all.
    """
    if len(text) > most:
        raise ScanFileError(f"the scan is larger than {most // 2**20} MiB")
    if text.lstrip("\ufeff \t\r\n").startswith("<"):
        raise ScanFileError("this is a web page, not a saved scan", hint="Give the .json file beside it.")
    try:
        data = json.loads(text, object_pairs_hook=_unique, parse_constant=_refuse, parse_float=_finite)
    except RecursionError:
        raise ScanFileError("the scan is nested too deeply") from None
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        is_cut = error.pos >= len(text.rstrip()) - 1 or error.msg.startswith("Unterminated string")
        what = "ends early" if is_cut else "is not JSON"
        raise ScanFileError(f"the scan {what}: {error.msg} at {where}") from None
    except ValueError as error:  # an integer of more digits than Python converts
        raise ScanFileError(f"the scan is not JSON that we read: {error}") from None
    if not isinstance(data, dict):
        raise ScanFileError("this is JSON, but not a saved scan: the outermost value is not an object")
    return data


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ScanFileError(f"the scan gives the key {twice[:80]!a} twice in one object")
    return found


def _refuse(literal: str) -> float:
    raise ScanFileError(f"the scan holds {literal}, which is not a JSON number")


def _finite(digits: str) -> float:
    number = float(digits)
    if number in (float("inf"), float("-inf")):
        raise ScanFileError(f"the scan holds the number {digits[:40]}, which is too large")
    return number
