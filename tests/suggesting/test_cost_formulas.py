"""Formulas: worked out, refused, shown with numbers."""

from __future__ import annotations

import pytest

from attnprobe.errors import InternalError
from attnprobe.suggesting.modelling.formulas import Unknown, largest_divisor, names, number, put_in, value

FACTS = {"batch": 2, "width": 8, "kv_len": 4096, "role": "self", "is_causal": True, "none": None}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("4 * batch * min(256, kv_len) * width", 4 * 2 * 256 * 8),
        ("kv_len // 3", 1365),
        ("ceil(kv_len / 1000)", 5),
        ("batch / width", 0.25),
        ("divisor(12, 5)", 4),
        ("-batch + kv_len % 5", -1),
        ("width if is_causal else kv_len", 8),
        ("max(1, batch - 5)", 1),
    ],
)
def test_arithmetic(text: str, expected: float) -> None:
    assert number(text, FACTS) == expected


def test_whole_numbers_stay_whole() -> None:
    assert isinstance(number("kv_len * 0.5", FACTS), int)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('role == "self" and 1 < batch <= 2', True),
        ('role == "cross" or not is_causal', False),
        ('role != "cross" or unknown > 1', True),
    ],
)
def test_conditions(text: str, expected: bool) -> None:
    assert value(text, FACTS) is expected


@pytest.mark.parametrize("text", ["unknown + 1", "none + 1", "role + 1", "batch / 0", "role"])
def test_what_is_not_known_has_no_number(text: str) -> None:
    with pytest.raises(Unknown):
        number(text, FACTS)


@pytest.mark.parametrize(
    "text", ["batch.real", "open('x')", "[batch]", "batch ** 99", "lambda: 1", "batch +", "batch[0]"]
)
def test_anything_else_is_no_formula(text: str) -> None:
    with pytest.raises(InternalError, match="is no formula"):
        number(text, FACTS)


def test_numbers_are_put_in_for_names() -> None:
    assert put_in("4 * batch * min(256, kv_len)", FACTS) == "4 · 2 · min(256, 4096)"
    assert put_in("width + 1 if is_causal else kv_len", FACTS) == "8 + 1"


def test_names_are_the_facts_without_the_functions() -> None:
    assert names("min(batch, 3) * kv_len") == {"batch", "kv_len"}


def test_the_largest_divisor_is_one_at_worst() -> None:
    assert [largest_divisor(12, most) for most in (12, 11, 5, 0)] == [12, 6, 4, 1]
