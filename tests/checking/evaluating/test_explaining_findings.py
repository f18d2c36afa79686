from __future__ import annotations

from pathlib import Path

import pytest

from attnprobe.checking.evaluating.explaining import formula, limits
from attnprobe.checking.expressions import no_parts
from attnprobe.checking.packs import load_file
from tests.checking.packs.rule_files import written

FACTS = {"core_flops_share": 0.5, "kv_len": 4096, "q_len": 1, "mechanism": "dot_product", "is_causal": True}
WHEN = "core_flops_share > opt_share and kv_len >= opt_min_len"
OPTIONS = {"share": 0.25, "min_len": 2048}


def explained(folder: Path, when: str) -> tuple[str, list[tuple[str, str, object, str]]]:
    # The options must be used: they stand in a part that changes nothing.
    rule = load_file(written(folder, (WHEN, f"({when}) and opt_share < 2 and opt_min_len > 0")))
    found = limits(rule, FACTS, OPTIONS, no_parts)
    text = formula(rule, FACTS, OPTIONS, no_parts).removesuffix(" and 0.25 < 2 and (2048 > 0)")
    return text, [(each.metric, each.comparison, each.limit, each.option) for each in found]


@pytest.mark.parametrize(
    ("when", "text", "expected"),
    [
        ("kv_len >= 7", "4096 >= 7", [("kv_len", ">=", 7, "")]),
        ("7 < kv_len", "7 < 4096", [("kv_len", ">", 7, "")]),
        ("opt_min_len <= kv_len", "2048 <= 4096", [("kv_len", ">=", 2048, "min_len")]),
        ("not kv_len < 7", "not 4096 < 7", [("kv_len", ">=", 7, "")]),
        ("not (kv_len < 7 or q_len > 3)", "not (4096 < 7 or 1 > 3)",
         [("kv_len", ">=", 7, ""), ("q_len", "<=", 3, "")]),
        ("kv_len > 9999 or q_len == 1", "(4096 > 9999 or 1 == 1)", [("q_len", "==", 1, "")]),
        ("1 < kv_len < 9999", "1 < 4096 < 9999", [("kv_len", ">", 1, ""), ("kv_len", "<", 9999, "")]),
        ("kv_len > q_len", "4096 > 1", [("kv_len", ">", 1, "")]),
        ("kv_len / q_len > opt_share * 4", "4096 / 1 > 0.25 * 4", [("kv_len / q_len", ">", 1.0, "share")]),
        ('mechanism == "dot_product"', "'dot_product' == 'dot_product'", []),
        ('mechanism in ("a", "dot_product")', "'dot_product' in ('a', 'dot_product')", []),
        ("is_causal", "True", []),
        ("known(kv_len)", "True", []),
        ("sink_mass > 0.5 or kv_len > 1", "(unknown > 0.5 or 4096 > 1)", [("kv_len", ">", 1, "")]),
    ],
)  # fmt: skip
def test_limits_are_the_comparisons_that_held(
    when: str, text: str, expected: list[tuple[str, str, object, str]], tmp_path: Path
) -> None:
    shown, found = explained(tmp_path, when)
    assert shown == text
    assert found == expected


def test_a_long_formula_is_cut(tmp_path: Path) -> None:
    when = " and ".join(["kv_len > 1"] * 60)
    assert len(explained(tmp_path, when)[0]) == 400
