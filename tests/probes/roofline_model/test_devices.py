"""The devices that a prediction can be made for."""

from __future__ import annotations

import pytest

from attnprobe.errors import UsageError
from attnprobe.probes.roofline_model.devices import device_of_gpu, devices, find_device


def test_spelling_of_a_device_does_not_matter() -> None:
    assert find_device("RTX 4090") is find_device("rtx-4090") is devices()["rtx4090"]


def test_an_unknown_device_offers_the_nearest() -> None:
    with pytest.raises(UsageError, match=r"no device is named 'h10'; did you mean 'h100'\?") as caught:
        find_device("h10")
    assert "a100" in caught.value.hint


def test_a_gpu_is_found_by_the_drivers_name() -> None:
    found = device_of_gpu("NVIDIA H200")
    assert found is not None
    assert (found.name, found.bandwidth) == ("h200", 4.8e12)
    assert device_of_gpu("Some other GPU") is None


def test_float32_is_not_tensor_float32_and_missing_units_run_at_float32() -> None:
    t4 = find_device("t4")
    assert t4.rate("float16") == 65e12
    assert t4.rate("bfloat16") == t4.rate("float32") == 8.1e12
    assert find_device("h100").rate("float8_e4m3fn") == 1978.9e12


@pytest.mark.parametrize("name", sorted(devices()))
def test_every_device_is_complete_and_says_where_its_numbers_come_from(name: str) -> None:
    device = devices()[name]
    assert device.source
    assert 1e11 < device.bandwidth < 1e13
    # a narrower dtype is never slower
    rates = [device.rate(dtype) for dtype in ("float64", "float32", "bfloat16", "float8_e5m2")]
    assert all(rate > 0 for rate in rates)
    assert device.rate("float16") >= device.rate("float32")
