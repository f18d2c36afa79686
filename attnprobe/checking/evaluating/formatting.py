"""Numbers in messages: as a reader says them, three digits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import isfinite

from attnprobe.checking.expressions import Fact
from attnprobe.checking.packs.placeholders import pieces

UNKNOWN = "–"
_SI = ("", "k", "M", "G", "T", "P", "E", "Z")
_IEC = ("", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei")


def message(text: str, facts: Mapping[str, Fact]) -> str:
    """A message with its placeholders filled in. What is not known reads as a dash."""
    return "".join(
        words + (shown(facts.get(name), form) if name else "") for words, name, form in pieces(text)
    )


def shown(value: Fact, form: str = "") -> str:
    """A value in the format of a placeholder: "41 %", "1.52×", "1.2 GiB"."""
    if value is None or (isinstance(value, float) and not isfinite(value)):
        return UNKNOWN
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value
    return _FORMATS[form](value)


def _digits(value: float) -> str:
    """Three digits, without an exponent where none is needed."""
    if value == int(value) and abs(value) < 1e6:
        return str(int(value))
    if 0.001 <= abs(value) < 1e6:
        return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"
    return f"{value:.2e}"


def _percent(value: float) -> str:
    if 0 < value < 0.001:
        return "<0.1 %"
    if 0.995 <= value < 1:  # it must not read as the whole
        return f"{min(value, 0.999) * 100:.1f} %"
    return f"{value * 100:.{0 if value >= 0.0995 or not value else 1}f} %"


def _scaled(value: float, base: int, prefixes: tuple[str, ...], symbol: str) -> str:
    step = 0
    while abs(value) >= base and step < len(prefixes) - 1:
        value, step = value / base, step + 1
    return f"{_digits(value)} {prefixes[step]}{symbol}"


_FORMATS: Mapping[str, Callable[[float], str]] = {
    "": _digits,
    "label": _digits,
    "num": _digits,
    "pct": _percent,
    "int": lambda value: f"{round(value):,}",
    "sci": lambda value: f"{value:.1e}",
    "bytes": lambda value: _scaled(value, 1024, _IEC, "B"),
    "flops": lambda value: _scaled(value, 1000, _SI, "FLOPs" if abs(value) < 1000 else "F"),
    "ms": lambda value: f"{_digits(value)} ms",
    "ratio": lambda value: f"{value:.2f}×" if abs(value) < 99.95 else f"{value:.0f}×",
}
