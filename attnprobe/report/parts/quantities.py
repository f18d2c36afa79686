"""Numbers as a reader wants them: three digits and a unit. The only place where a number is rounded."""

from __future__ import annotations

from math import isfinite

SPACE = "\u00a0"  # between number and unit: they stay on one line
UNKNOWN = "–"

_SI = ("", "k", "M", "G", "T", "P", "E", "Z", "Y", "R", "Q")
_COUNTS = ("", "k", "M", "B", "T")
_IEC = ("", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi")


def quantity(value: float | None, unit: str, name: str = "") -> str:
    """A value with its unit: "412 GF", "1.20 GiB", "3.41 ms", "41 %"; "–" when it is not known.

    Args:
        value: In `unit`, unrounded.
        unit: As in the metric dictionary: "FLOP", "byte", "ms", "token", "1", or any other word.
        name: Of the metric. A plain ratio whose name ends in "_share" is shown in percent.
    """
    if value is None or not isfinite(value):
        return UNKNOWN
    if unit == "FLOP":
        return _scaled(value, 1000, _SI, "F", "FLOP")
    if unit in ("byte", "byte/token"):
        return _scaled(value, 1024, _IEC, "B", "B")
    if unit == "ms":
        return duration(value / 1000)
    if unit == "1":
        return percent(value) if is_percent(unit, name) else plain(value)
    if unit in ("token", "tokens"):
        return count(value)
    return _scaled(value, 1000, _COUNTS, "", "")


def is_percent(unit: str, name: str) -> bool:
    """Whether a metric is a share that is shown in percent."""
    return unit == "1" and name.endswith("_share")


def percent(share: float | None) -> str:
    """A share in percent: "41 %", "4.2 %", "<0.1 %"."""
    if share is None or not isfinite(share):
        return UNKNOWN
    if 0 < share < 0.001:
        return f"<0.1{SPACE}%"
    # 99.97 % must not read as the whole
    digits = 1 if (share < 0.0995 or 0.995 <= share < 1) and share else 0
    shown = f"{min(share, 0.999) if 0.995 <= share < 1 else share:.{digits}%}".rstrip("%")
    return f"{shown}{SPACE}%"


def duration(seconds: float | None) -> str:
    """A time: "12.0 ms", "850 µs", "1.91 s"."""
    if seconds is None or not isfinite(seconds):
        return UNKNOWN
    for factor, unit in ((1, "s"), (1e3, "ms"), (1e6, "µs"), (1e9, "ns")):
        if abs(seconds) * factor >= 1 or unit == "ns":
            return f"{_three_digits(seconds * factor)}{SPACE}{unit}" if seconds else f"0{SPACE}ms"
    raise AssertionError


def count(value: float | None) -> str:
    """A whole number with its thousands: "16,384"."""
    if value is None or not isfinite(value):
        return UNKNOWN
    return f"{round(value):,}" if abs(value) < 1e15 else f"{value:.2e}"


def plain(value: float) -> str:
    """A bare number in three digits: "1.98", "0.125", "3.2e-07"."""
    if value == int(value) and abs(value) < 1e6:
        return f"{int(value):,}"
    return f"{value:,.0f}" if 1000 <= abs(value) < 1e6 else f"{value:.3g}"


def tiny(value: float | None) -> str:
    """A bare number in at most five letters, for the cell of a map: ".41", "8.5", "120", "3e-7"."""
    if value is None or not isfinite(value):
        return UNKNOWN
    if value == int(value) and abs(value) < 1000:
        return f"{int(value)}"
    if abs(value) >= 9999.5 or abs(value) < 0.00995:
        mantissa, exponent = f"{value:.0e}".split("e")
        return f"{mantissa}e{int(exponent)}"
    if abs(value) >= 0.995:
        return f"{value:.{1 if abs(value) < 9.95 else 0}f}"
    return f"{value:.2f}".replace("0.", ".", 1)


def exact(value: float | None, unit: str) -> str:
    """The unrounded number, for who wants to check it: "412,316,860,416 FLOP"."""
    if value is None or not isfinite(value):
        return UNKNOWN
    digits = f"{int(value):,}" if value == int(value) and abs(value) < 1e21 else repr(value)
    return digits if unit == "1" else f"{digits}{SPACE}{unit}"


def _scaled(value: float, base: int, prefixes: tuple[str, ...], symbol: str, bare: str) -> str:
    scaled, step = float(value) + 0.0, 0
    while abs(scaled) >= base - (0.5 if base == 1000 else 0.05) and step < len(prefixes) - 1:
        scaled, step = scaled / base, step + 1
    number = _three_digits(scaled) if abs(scaled) < base else f"{scaled:.2e}"
    unit = f"{prefixes[step]}{symbol}" if step else bare
    if scaled == int(scaled) and abs(scaled) < base:
        number = str(int(scaled))  # 48 KiB is exactly that: no digit is hidden
    return f"{number}{SPACE}{unit}" if unit else number


def _three_digits(value: float) -> str:
    if 0 < abs(value) < 0.1:
        return f"{value:.2g}"
    digits = 0 if abs(value) >= 99.95 else 1 if abs(value) >= 9.995 else 2
    return f"{value:.{digits}f}"
