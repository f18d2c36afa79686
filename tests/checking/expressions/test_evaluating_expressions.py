from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from attnprobe.checking.expressions import Fact, Kind, Missing, Name, Vocabulary, read_expression

NUMBERS = {name: Name("number") for name in "abc"}
SITE = {**NUMBERS, "yes": Name("bool"), "word": Name("text")}
WORDS = Vocabulary(SITE, SITE, {"limit": "number"})


def value(text: str, kind: Kind = "bool", parts: Sequence[Mapping[str, Fact]] = (), **facts: Fact) -> Any:
    return read_expression(text, WORDS, kind)(facts, {"limit": 10}, lambda: parts)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a > 2", True),
        ("a > 3", False),
        ("a >= 3", True),
        ("1 < a < 3", False),
        ("1 < a <= 3 < 4", True),
        ("a in (1, 3)", True),
        ("a not in (1, 3)", False),
        ('word == "x"', True),
        ('word in ("y", "x")', True),
        ("not yes", False),
        ("yes == True", True),
        ("a + b * 2 == 11", True),
        ("(a + b) / 2 == 3.5", True),
        ("-a < +b", True),
        ("min(a, b) == 3 and max(a, b, opt_limit) == 10", True),
        ("abs(a - b) == 1", True),
        ("known(a) and not known(c)", True),
        ("known(opt_limit)", True),
    ],
)
def test_expressions_mean_what_they_mean_in_python(text: str, expected: bool) -> None:
    assert value(text, a=3, b=4, yes=True, word="x") is expected


def test_a_missing_fact_is_named() -> None:
    with pytest.raises(Missing) as caught:
        value("a > 1 and b + c > 2", a=3, b=None)
    assert caught.value.names == ("b",)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a > 1 or b > 1", True),  # decided by what is known
        ("b > 1 or a > 1", True),
        ("a < 1 and b > 1", False),
        ("b > 1 and a < 1", False),
        ("not (b > 1 and a < 1)", True),
        ("not known(b) or b > 1", True),
    ],
)
def test_a_missing_fact_does_not_matter_where_the_rest_decides(text: str, expected: bool) -> None:
    assert value(text, a=3, b=None) is expected


@pytest.mark.parametrize("text", ["a > 1 and b > 1", "b > 1 and a > 1", "a < 1 or b > 1", "not b > 1"])
def test_a_missing_fact_matters_where_the_result_hangs_on_it(text: str) -> None:
    with pytest.raises(Missing):
        value(text, a=3, b=None)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a / b > 1", "division by zero in a / b"),
        ("c * c > 1", "c * c is not finite"),
    ],
)
def test_arithmetic_without_a_result_is_missing_with_its_reason(text: str, reason: str) -> None:
    with pytest.raises(Missing) as caught:
        value(text, a=1e300, b=0, c=1e200)
    assert caught.value.reason == reason


PARTS = ({"a": 1}, {"a": 2}, {"a": 6}, {"a": 7})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("share(a > 5)", 2 / 4),
        ("largest(a)", 7),
        ("smallest(a * 2)", 2),
        ("median(a)", (2 + 6) / 2),
        ("share(a < opt_limit)", 1.0),
    ],
)
def test_folds_are_over_the_parts(text: str, expected: float) -> None:
    assert value(text, "number", PARTS, a=100) == expected


def test_parts_where_it_is_not_known_are_left_out() -> None:
    assert value("share(a > 5)", "number", ({"a": 6}, {"a": None}, {"a": 1})) == 1 / 2


def test_a_fold_without_any_known_part_is_missing() -> None:
    with pytest.raises(Missing) as caught:
        value("largest(a) > 1", parts=({"a": None}, {}))
    assert caught.value.names == ("a",)
    with pytest.raises(Missing) as caught:
        value("largest(a) > 1", parts=())
    assert caught.value.reason == "there are no parts to look at"
