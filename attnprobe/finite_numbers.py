"""A scan without NaN and infinities: JSON has no word for them, and a reader has no use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import Field, fields, is_dataclass, replace
from math import isfinite
from typing import Any

from attnprobe.records import NotMeasured, Scan


def without_non_finite(scan: Scan) -> Scan:
    """The same scan; what was not finite is None, or gone with its record, and listed in `not_measured`.

    A number that may be missing becomes None. A record that makes no sense without it (a point of a curve, a
    share) is left out whole.
    """
    lost: list[NotMeasured] = []
    clean: Scan = _record(scan, "", lost)
    if not lost:
        return scan
    missing = tuple(dict.fromkeys((*clean.not_measured, *lost)))
    return replace(clean, not_measured=missing)


class _UnusableError(Exception):
    """A record lacks a number that it cannot be without."""


def _record(record: Any, site: str, lost: list[NotMeasured]) -> Any:
    site = str(getattr(record, "id", "") or getattr(record, "site", site))
    changes = {}
    for part in fields(record):
        value = getattr(record, part.name)
        clean = _value(value, _name(record, part), site, "None" in str(part.type), lost)
        if clean is not value:
            changes[part.name] = clean
    return replace(record, **changes) if changes else record


def _name(record: Any, part: Field[Any]) -> str:
    metric = getattr(record, "metric", None)
    return metric if isinstance(metric, str) else part.name


def _value(value: Any, name: str, site: str, may_be_none: bool, lost: list[NotMeasured]) -> Any:
    if isinstance(value, float) and not isfinite(value):
        lost.append(NotMeasured(metric=name, site=site, reason=f"the value came out as {value}"))
        if not may_be_none:
            raise _UnusableError
        return None
    if is_dataclass(value):
        return _record(value, site, lost)
    if isinstance(value, Mapping):
        return _mapping(value, site, may_be_none, lost)
    if isinstance(value, tuple):
        return _sequence(value, name, site, may_be_none, lost)
    return value


def _mapping(value: Mapping[str, Any], site: str, may_be_none: bool, lost: list[NotMeasured]) -> Any:
    clean = {}
    for key, item in value.items():
        try:
            clean[key] = _value(item, key, site, may_be_none, lost)
        except _UnusableError:
            continue
    return value if all(clean.get(key, lost) is item for key, item in value.items()) else clean


def _sequence(
    value: tuple[Any, ...], name: str, site: str, may_be_none: bool, lost: list[NotMeasured]
) -> Any:
    clean = []
    for item in value:
        try:
            clean.append(_value(item, name, site, may_be_none, lost))
        except _UnusableError:
            if not is_dataclass(item):  # a number of a curve: without it the curve is another one
                raise
    unchanged = len(clean) == len(value) and all(a is b for a, b in zip(clean, value, strict=True))
    return value if unchanged else tuple(clean)
