"""Every rule of correctness finds its fault at its line, however it is written; healthy models are silent."""

from __future__ import annotations

from functools import cache

import pytest
from checking.correctness_cases import Case, cases

import attnprobe
from attnprobe.checking.evaluating import evaluate
from attnprobe.checking.packs import Rule, load_rules
from attnprobe.records import Scan, Settings

PROBES = ("structure", "score_weights", "key_mass", "perturbations")


@cache
def rules() -> tuple[Rule, ...]:
    return tuple(rule for rule in load_rules() if rule.id.startswith("AP1"))


def scan_of(case: Case, *, static: bool = False) -> Scan:
    return attnprobe.scan(
        case.model(),
        case.inputs(),
        causal=case.causal,
        train=case.train,
        static=static,
        backward=False,
        probes=PROBES,
    )


def found(scan: Scan) -> set[tuple[str, int | None]]:
    seen = evaluate(scan, rules(), Settings())
    assert [o for o in seen.outcomes if "rule failed" in o.reason] == []
    return {(f.rule, f.location.line if f.location else None) for f in seen.findings}


@pytest.mark.parametrize("case", cases("faulty_models"))
def test_fault_is_found_at_its_line_and_nothing_else(case: Case) -> None:
    expected = case.expected()
    assert expected
    assert found(scan_of(case)) == expected


@pytest.mark.parametrize("case", cases("healthy_models"))
def test_healthy_model_has_no_finding(case: Case) -> None:
    assert case.expected() == set()
    assert found(scan_of(case)) == set()
