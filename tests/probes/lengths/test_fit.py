"""Exponents and parabolas of cost against length."""

from __future__ import annotations

from math import isclose

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attnprobe.probes.lengths.fit import crossover_length, length_exponent, parabola

LENGTHS = (64, 128, 256, 512)
COEFFICIENT = st.integers(0, 10**9)


def test_doubling_the_length_doubles_or_quadruples_the_cost() -> None:
    assert length_exponent((64, 128), (10.0, 20.0)) == 1
    assert length_exponent((64, 128), (10.0, 40.0)) == 2
    assert length_exponent((32, 64, 256), (1.0, 10.0, 160.0)) == 2  # between the last two


def test_one_length_or_no_cost_has_no_exponent() -> None:
    assert length_exponent((64,), (10.0,)) is None
    assert length_exponent((64, 128), (0.0, 0.0)) is None


@given(a=COEFFICIENT, b=COEFFICIENT, c=st.integers(1, 10**6))
def test_four_points_give_their_parabola_back(a: int, b: int, c: int) -> None:
    values = [float(a + b * n + c * n * n) for n in LENGTHS]
    assert parabola(LENGTHS, values, [0.0] * 4) == (a, b, c)


@given(a=COEFFICIENT, b=COEFFICIENT, c=st.integers(1, 10**6))
def test_three_points_do_when_core_and_rest_part_cleanly(a: int, b: int, c: int) -> None:
    lengths, core = LENGTHS[:3], [float(c * n * n) for n in LENGTHS[:3]]
    values = [a + b * n + part for n, part in zip(lengths, core, strict=True)]
    assert parabola(lengths, values, core) == (a, b, c)


def test_a_cubic_is_no_parabola() -> None:
    cubes, squares = [float(n**3) for n in LENGTHS], [float(n**2) for n in LENGTHS]
    assert parabola(LENGTHS, cubes, squares) is None
    assert parabola(LENGTHS[:3], cubes[:3], squares[:3]) is None


def test_two_points_do_when_the_core_is_quadratic_and_the_rest_proportional() -> None:
    # core 3 L², rest 7 L, at 10 and 20 tokens
    assert parabola((10, 20), [300.0 + 70, 1200.0 + 140], [300.0, 1200.0]) == (0, 7, 3)


def test_two_points_do_not_when_the_rest_has_a_constant_part() -> None:
    assert parabola((10, 20), [300.0 + 75, 1200.0 + 145], [300.0, 1200.0]) is None


def test_two_points_without_a_core_prove_nothing() -> None:
    assert parabola(LENGTHS[:2], [1.0, 2.0], [0.0, 0.0]) is None


@pytest.mark.parametrize(("a", "b", "c", "expected"), [(0, 196608, 1024, 192), (6, 1, 1, 3), (0, 0, 5, 0)])
def test_the_quadratic_part_passes_the_rest_at_the_root(a: int, b: int, c: int, expected: float) -> None:
    from fractions import Fraction

    found = crossover_length(Fraction(a), Fraction(b), Fraction(c))
    assert found is not None
    assert isclose(found, expected)


def test_a_line_has_no_crossover() -> None:
    from fractions import Fraction

    assert crossover_length(Fraction(5), Fraction(3), Fraction(0)) is None
