from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attnprobe.checking.settings import site_matcher
from attnprobe.name_patterns import common_pattern


@pytest.mark.parametrize(
    ("pattern", "site", "is_match"),
    [
        ("*", "h.0.attn", True),
        ("*", "", True),
        ("h.*.attn", "h.11.attn", True),
        ("h.*.attn", "h.11.mlp", False),
        ("h.?.attn", "h.11.attn", False),
        ("h.[01].attn", "h.1.attn", True),
        ("h.{0..3}.attn", "h.3.attn", True),
        ("h.{0..3}.attn", "h.4.attn", False),
        ("h.{0..3}.attn", "h.13.attn", False),
        ("*{0..3}.attn", "h.13.attn", False),
        ("h.{0,2,4}.attn", "h.4.attn", True),
        ("h.{0,2,4}.attn", "h.3.attn", False),
        ("h.{0..2,4..6,9}.attn", "h.5.attn", True),
        ("h.{0..2,4..6,9}.attn", "h.9.attn", True),
        ("h.{0..2,4..6,9}.attn", "h.3.attn", False),
        ("enc.attn, dec.attn", "dec.attn", True),
        ("enc.attn, dec.attn", "enc", False),
        ("h.0.attn", "h.0.attn#1", True),
        ("h.0.attn", "h.0.attn:2", True),
        ("h.0.attn", "h.0.attn#1:2", True),
        ("h.0.attn#1", "h.0.attn", False),
        ("h.0.attn#1", "h.0.attn#1", True),
        ("layers[mod].attn", "layers[mod].attn", True),
        ("H.0.attn", "h.0.attn", False),
        ("h.0.attn", "", False),
    ],
)
def test_a_pattern_names_sites(pattern: str, site: str, is_match: bool) -> None:
    assert site_matcher(pattern)(site) is is_match


@given(st.sets(st.integers(0, 40), min_size=1, max_size=8), st.integers(0, 40))
def test_a_group_as_a_report_prints_it_names_its_sites_alone(layers: set[int], other: int) -> None:
    matches = site_matcher(common_pattern([f"blocks.{layer}.attn" for layer in sorted(layers)]))
    assert all(matches(f"blocks.{layer}.attn") for layer in layers)
    assert matches(f"blocks.{other}.attn") is (other in layers)


@pytest.mark.parametrize("pattern", ["", "a,,b", "a, ", "{0..1}" * 30])
def test_a_pattern_that_cannot_be_meant_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match=r"empty|braces"):
        site_matcher(pattern)


def test_a_hostile_pattern_does_not_hang() -> None:
    start = time.perf_counter()
    assert not site_matcher("*a" * 40 + "b")("a" * 5000)
    assert not site_matcher("*{0..9}*{0..9}*{0..9}x")("1." * 200)
    assert time.perf_counter() - start < 5
