from __future__ import annotations

import pytest

from attnprobe.checking.evaluating.formatting import message, shown


@pytest.mark.parametrize(
    ("value", "form", "text"),
    [
        (0.41, "pct", "41 %"),
        (0.0421, "pct", "4.2 %"),
        (0.0001, "pct", "<0.1 %"),
        (0.0, "pct", "0 %"),
        (1.0, "pct", "100 %"),
        (0.9997, "pct", "99.9 %"),
        (1.5, "pct", "150 %"),
        (16384, "int", "16,384"),
        (2.6, "int", "3"),
        (0.0312345, "num", "0.0312"),
        (12, "num", "12"),
        (123456.7, "num", "123457"),
        (1.5e-7, "num", "1.50e-07"),
        (2.5e9, "num", "2.50e+09"),
        (0.00012, "sci", "1.2e-04"),
        (49152, "bytes", "48 KiB"),
        (1.25 * 2**30, "bytes", "1.25 GiB"),
        (100, "bytes", "100 B"),
        (4.12e11, "flops", "412 GF"),
        (500, "flops", "500 FLOPs"),
        (3.414, "ms", "3.41 ms"),
        (1.523, "ratio", "1.52×"),
        (250.0, "ratio", "250×"),
        ("causal", "label", "causal"),
        (True, "", "true"),
        (4096, "", "4096"),
        (None, "pct", "–"),
        (float("nan"), "num", "–"),
        (float("inf"), "bytes", "–"),
        (-0.5, "num", "-0.5"),
    ],
)
def test_values_read_as_people_say_them(value: object, form: str, text: str) -> None:
    assert shown(value, form) == text  # type: ignore[arg-type]


def test_a_message_is_filled_once_whatever_its_values_look_like() -> None:
    facts = {"site": "{kv_len}</script>", "kv_len": 7}
    assert message("{site}: {kv_len:int} {{kept}}", facts) == "{kv_len}</script>: 7 {kept}"
