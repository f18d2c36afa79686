from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attnprobe.checking.settings.amounts import parse_amount, parse_percent
from attnprobe.report.parts.quantities import quantity


@pytest.mark.parametrize(
    ("written", "unit", "amount"),
    [
        ("1.9 GF", "FLOP", 1_900_000_000),
        ("1.9GFLOPs", "FLOP", 1_900_000_000),
        ("2e12", "FLOP", 2_000_000_000_000),
        ("1 EF", "FLOP", 10**18),
        ("412,316 FLOP", "FLOP", 412_316),
        ("48 KiB", "byte", 49_152),
        ("48 kB", "byte", 48_000),
        ("1.5 GiB", "byte", 1_610_612_736),
        ("300 B", "byte", 300),
        ("300", "byte", 300),
        ("12.5 ms", "ms", 12.5),
        ("2 s", "ms", 2000),
        ("850 µs", "ms", 0.85),
        ("7 B", "parameter", 7_000_000_000),
        ("124 M", "parameter", 124_000_000),
        ("45 %", "1", 0.45),
        ("0.45", "1", 0.45),
        ("1.52×", "1", 1.52),
        ("+5 MiB", "byte", 5_242_880),
        ("-1 K", "token", -1000),
        ("48\u00a0KiB", "byte", 49_152),
    ],
)
def test_amounts_are_read_as_people_write_them(written: str, unit: str, amount: float) -> None:
    found = parse_amount(written, unit)
    assert found == amount
    assert type(found) is type(amount)


@pytest.mark.parametrize(
    ("written", "unit"),
    [
        ("1.9 GiB", "FLOP"),
        ("5 GF", "byte"),
        ("5 G", "byte"),
        ("5 %", "ms"),
        ("nan", "FLOP"),
        ("inf", "FLOP"),
        ("", "FLOP"),
        ("GF", "FLOP"),
        ("1 2", "FLOP"),
        ("1..2", "FLOP"),
        ("0x10", "FLOP"),
        ("1e9999", "FLOP"),
        ("9" * 80, "FLOP"),
    ],
)
def test_what_is_no_amount_of_the_unit_is_refused(written: str, unit: str) -> None:
    with pytest.raises(ValueError, match=r"is no (amount|unit)"):
        parse_amount(written, unit)


@pytest.mark.parametrize(
    ("written", "share"),
    [("+2%", 0.02), ("2 %", 0.02), ("-50%", -0.5), ("+0%", 0.0), ("+2", None), ("x%", None)],
)
def test_changes_in_percent(written: str, share: float | None) -> None:
    assert parse_percent(written) == share


@given(st.integers(0, 10**15), st.sampled_from(["FLOP", "byte", "parameter"]))
def test_what_the_report_shows_is_read_back_within_its_three_digits(value: int, unit: str) -> None:
    read = parse_amount(quantity(value, unit), unit)
    assert read == pytest.approx(value, rel=0.006)
