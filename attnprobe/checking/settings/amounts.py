"""Amounts as people write them: "1.9 GF", "48 KiB", "12 ms", "7 B", "45 %", "+2%"."""

from __future__ import annotations

import re
from decimal import Decimal

from attnprobe.records import Number

_AMOUNT = re.compile(r"([+-]?)\s*(\d[\d,_]*\.?\d*(?:[eE][+-]?\d{1,3})?|\.\d+)\s*(\S*)")
_SI = {"": 1, "k": 10**3, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "P": 10**15, "E": 10**18}
_IEC = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40, "Pi": 2**50}
_MS = {
    "": Decimal(1),
    "ms": Decimal(1),
    "s": Decimal(1000),
    "us": Decimal("0.001"),
    "µs": Decimal("0.001"),
    "μs": Decimal("0.001"),
    "ns": Decimal("0.000001"),
}
_EXAMPLES = {
    "FLOP": "1.9 GF",
    "byte": "48 KiB",
    "ms": "12.5 ms",
    "parameter": "7 M",
    "1": "0.45 or 45 %",
    "token": "2048",
}


def parse_amount(written: str, unit: str) -> Number:
    """The amount in the metric's unit; whole where it is.

    Args:
        written: "48 KiB", "+5 MiB".
        unit: As in the metric dictionary.

    Raises:
        ValueError: Not an amount of that unit; names an example.
    """
    found = _AMOUNT.fullmatch(written.strip().replace("\u00a0", " ").replace("\u202f", " "))
    if not found or len(written) > 60:
        raise ValueError(f"'{written[:60]}' is no amount, as {example(unit)} is")
    sign, digits, suffix = found.groups()
    factor = _factor(suffix, unit)
    if factor is None:
        raise ValueError(f"'{suffix}' is no unit of a number in {unit}; write {example(unit)}")
    amount = Decimal(digits.replace(",", "").replace("_", "")) * factor
    amount = -amount if sign == "-" else amount
    return int(amount) if amount == amount.to_integral_value() and abs(amount) < 10**30 else float(amount)


def parse_percent(written: str) -> float | None:
    """ "+2%" as .02; None when it is no percentage."""
    found = _AMOUNT.fullmatch(written.strip().replace("\u00a0", " "))
    if not found or found.group(3) != "%":
        return None
    share = float(Decimal(found.group(2).replace(",", "").replace("_", "")) / 100)
    return -share if found.group(1) == "-" else share


def example(unit: str) -> str:
    """How an amount of that unit is written."""
    return _EXAMPLES.get(unit, "12")


def _factor(suffix: str, unit: str) -> Decimal | int | None:
    if unit == "ms":
        return _MS.get(suffix)
    if unit == "byte":
        prefix = suffix.removesuffix("B")
        return {**_SI, **_IEC}.get(prefix) if suffix.endswith("B") or not suffix else None
    if unit == "FLOP":
        prefix = re.sub(r"(FLOPs?|flops?|Flops?|F)$", "", suffix)
        return _SI.get(prefix)
    if unit == "1":
        return {"": Decimal(1), "%": Decimal("0.01"), "x": Decimal(1), "×": Decimal(1)}.get(suffix)
    return {**_SI, "B": 10**9}.get(suffix)
