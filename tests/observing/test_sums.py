"""Sums and maxima that merge."""

import pytest
import torch

from attnprobe.observing.sums import Sums


def test_two_passes_merge_into_what_one_pass_holds() -> None:
    parts = torch.randn(4, 3)
    whole, one, other = Sums(), Sums(), Sums()
    for number, part in enumerate(parts):
        for sums in (whole, one if number < 2 else other):
            sums.add(0, "total", part)
            sums.maximum(0, "largest", part)
    one.merge(other)
    assert torch.allclose(one.get(0, "total"), whole.get(0, "total"))
    assert torch.equal(one.get(0, "largest"), whole.get(0, "largest"))


def test_a_site_seen_by_one_pass_alone_is_kept() -> None:
    one, other = Sums(), Sums()
    one.add(0, "total", 1.0)
    other.add(1, "total", 2.0)
    one.merge(other)
    assert [float(one.get(site, "total")) for site in one.sites("total")] == [1.0, 2.0]


def test_half_precision_adds_up_in_double() -> None:
    sums = Sums()
    for _ in range(4096):
        sums.add(0, "total", torch.tensor(0.5, dtype=torch.float16))
    assert float(sums.get(0, "total")) == 2048.0


def test_what_is_kept_is_no_view_of_what_was_given() -> None:
    given = torch.ones(2, dtype=torch.float64)
    sums = Sums()
    sums.add(0, "total", given)
    given += 1
    assert sums.get(0, "total").tolist() == [1.0, 1.0]


def test_another_shape_is_refused() -> None:
    sums = Sums()
    sums.add(0, "total", torch.ones(2))
    with pytest.raises(ValueError, match="total"):
        sums.add(0, "total", torch.ones(3))


def test_nan_stays_in_a_maximum() -> None:
    sums = Sums()
    sums.maximum(0, "largest", float("nan"))
    sums.maximum(0, "largest", 3.0)
    assert sums.get(0, "largest").isnan()


def test_nothing_added_is_none() -> None:
    assert Sums().get(0, "total") is None
