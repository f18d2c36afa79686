"""Numbers as a reader sees them. The space between number and unit is a no-break space."""

import math

import pytest

from attnprobe.report.parts.quantities import count, duration, exact, percent, plain, quantity, tiny


@pytest.mark.parametrize(
    ("value", "unit", "name", "text"),
    [
        (412_316_860_416, "FLOP", "flops_forward", "412 GF"),
        (1.04e12, "FLOP", "flops_forward", "1.04 TF"),
        (999_600, "FLOP", "", "1.00 MF"),
        (999.4, "FLOP", "", "999 FLOP"),
        (1e24, "FLOP", "", "1 YF"),
        (1.5e34, "FLOP", "", "1.50e+04 QF"),
        (0, "FLOP", "", "0 FLOP"),
        (-0.0, "FLOP", "", "0 FLOP"),
        (-2_500, "FLOP", "", "-2.50 kF"),
        (5e-324, "FLOP", "", "4.9e-324 FLOP"),
        (49_152, "byte", "", "48 KiB"),
        (1_288_490_189, "byte", "", "1.20 GiB"),
        (1023, "byte", "", "1023 B"),
        (512, "byte/token", "", "512 B"),
        (61.94, "ms", "", "61.9 ms"),
        (0.0123, "ms", "", "12.3 µs"),
        (2_500, "ms", "", "2.50 s"),
        (0, "ms", "", "0 ms"),
        (0.41, "1", "attention_flops_share", "41 %"),
        (1.9812, "1", "length_exponent", "1.98"),
        (14_336.0, "token", "", "14,336"),
        (270_532_608, "parameter", "parameters", "271 M"),
        (6_738_415_616, "parameter", "parameters", "6.74 B"),
        (None, "FLOP", "", "–"),
        (math.nan, "byte", "", "–"),
        (math.inf, "ms", "", "–"),
    ],
)
def test_a_quantity_has_three_digits_and_a_unit(value, unit, name, text):
    assert quantity(value, unit, name).replace("\u00a0", " ") == text


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0, "0 %"),
        (0.0004, "<0.1 %"),
        (0.042, "4.2 %"),
        (0.0996, "10 %"),
        (0.415, "42 %"),
        (0.9949, "99 %"),
        (0.9999, "99.9 %"),
        (1, "100 %"),
        (1.2, "120 %"),
        (None, "–"),
    ],
)
def test_a_share_never_reads_as_all_or_nothing_unless_it_is(share, text):
    assert percent(share).replace("\u00a0", " ") == text


def test_a_plain_number_has_three_digits():
    shown = [plain(value) for value in (2.0, 0.125, 0.04419, 1234.5, 3.2e-7, 1e9)]
    assert shown == ["2", "0.125", "0.0442", "1,234", "3.2e-07", "1e+09"]


def test_a_count_has_its_thousands():
    assert [count(value) for value in (0, 16_384, 2**53 + 1, None)] == ["0", "16,384", "9.01e+15", "–"]


def test_times_go_from_nanoseconds_to_seconds():
    shown = [duration(value).replace("\u00a0", " ") for value in (1.2e-9, 4.1e-7, 0.21, 75.0)]
    assert shown == ["1.20 ns", "410 ns", "210 ms", "75.0 s"]


def test_the_unrounded_number_keeps_every_digit():
    assert exact(412_316_860_416, "FLOP").replace("\u00a0", " ") == "412,316,860,416 FLOP"
    assert exact(2**53 + 1, "byte").replace("\u00a0", " ") == "9,007,199,254,740,993 byte"
    assert exact(0.1 + 0.2, "1") == "0.30000000000000004"
    assert exact(None, "ms") == "–"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (1, "1"),
        (0.412, ".41"),
        (0.996, "1.0"),  # not the whole
        (-0.412, "-.41"),
        (8.53, "8.5"),
        (9.96, "10"),
        (55.2, "55"),
        (283.4, "283"),
        (12_345, "1e4"),
        (0.0042, "4e-3"),
        (3.2e-7, "3e-7"),
        (-1.5e-12, "-2e-12"),
        (None, "–"),
        (math.inf, "–"),
    ],
)
def test_the_cell_of_a_map_has_two_digits(value, text):
    assert tiny(value) == text
