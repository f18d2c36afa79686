from __future__ import annotations

from dataclasses import replace

import pytest

from attnprobe.checking.budgets import results, value_of
from attnprobe.records import (
    Budget,
    BudgetResult,
    InputTensor,
    Metric,
    NotMeasured,
    Number,
    PairedTimes,
    Scan,
    Settings,
)
from tests.report.sample_scans import METRICS, gpt_scan

METRIC = METRICS["flops_forward"]


def metric(name: str, unit: str = "FLOP", exactness: str = "exact") -> Metric:
    return replace(METRIC, name=name, unit=unit, exactness=exactness)  # type: ignore[arg-type]


KNOWN = {
    "flops_forward": metric("flops_forward"),
    "parameters": metric("parameters", "parameter"),
    "attention_flops_share": metric("attention_flops_share", "1"),
    "forward_ms": metric("forward_ms", "ms", "noisy"),
    "measured_peak_forward_bytes": metric("measured_peak_forward_bytes", "byte", "noisy"),
    "largest_logit": metric("largest_logit", "1", "sampled"),
}


def scan_of(**totals: Number | None) -> Scan:
    return replace(gpt_scan(), totals=totals, metrics=KNOWN)


def one(
    budget: Budget, scan: Scan, base: Scan | None = None, times: tuple[PairedTimes, ...] = ()
) -> BudgetResult:
    (result,) = results(scan, Settings(budgets=(budget,)), base, times=times)
    return result


@pytest.mark.parametrize(("value", "is_met"), [(1000, True), (999, True), (1001, False)])
def test_a_total_may_be_as_large_as_its_budget(value: int, is_met: bool) -> None:
    budget = Budget(metric="flops_forward", text="1 kF", limit=1000, origin="pyproject.toml:31")
    result = one(budget, scan_of(flops_forward=value))
    assert result == BudgetResult(
        metric="flops_forward",
        limit=1000,
        value=value,
        base=None,
        text="1 kF",
        is_met=is_met,
        is_blocking=True,
        reason="",
        origin="pyproject.toml:31",
    )


def test_rounding_alone_breaks_no_budget() -> None:
    budget = Budget(metric="attention_flops_share", text="0.3", limit=0.3)
    assert one(budget, scan_of(attention_flops_share=0.1 + 0.2)).is_met is True  # 0.30000000000000004
    assert one(budget, scan_of(attention_flops_share=0.3001)).is_met is False


def test_large_whole_numbers_are_held_exactly() -> None:
    budget = Budget(metric="flops_forward", text="…", limit=10**18)
    assert one(budget, scan_of(flops_forward=10**18 + 1)).is_met is False


def test_a_metric_of_sites_is_held_at_its_largest() -> None:
    scan = scan_of()
    sites = tuple(
        replace(scan.sites[0], id=f"h.{number}", metrics={"largest_logit": value})
        for number, value in enumerate((3.0, 9.0, None))
    )
    budget = Budget(metric="largest_logit", text="8", limit=8)
    result = one(budget, replace(scan, sites=sites))
    assert (result.value, result.is_met) == (9.0, False)


def test_what_was_not_measured_is_unknown_with_its_reason() -> None:
    gap = NotMeasured(metric="flops_forward", site="", reason="the model failed")
    scan = replace(scan_of(flops_forward=None), not_measured=(gap,))
    result = one(Budget(metric="flops_forward", text="1", limit=1), scan)
    assert (result.is_met, result.value, result.reason) == (None, None, "the model failed")
    assert one(Budget(metric="new", text="1", limit=1), scan).reason == "its probe did not run"


def test_not_a_number_is_not_within_budget() -> None:
    scan = scan_of(flops_forward=float("nan"))
    assert value_of(scan, "flops_forward") is None
    assert one(Budget(metric="flops_forward", text="1", limit=1), scan).is_met is None


@pytest.mark.parametrize(
    ("budget", "limit", "is_met"),
    [
        (Budget(metric="flops_forward", text="+2%", relative=0.02), 1020, True),
        (Budget(metric="flops_forward", text="+1%", relative=0.01), 1010, False),
        (Budget(metric="flops_forward", text="+0", change=0), 1000, False),
        (Budget(metric="flops_forward", text="+20", change=20), 1020, True),
        (Budget(metric="flops_forward", text="-10%", relative=-0.1), 900, False),
    ],
)
def test_a_change_is_held_against_the_number_before(budget: Budget, limit: int, is_met: bool) -> None:
    result = one(budget, scan_of(flops_forward=1020), scan_of(flops_forward=1000))
    assert result.limit == pytest.approx(limit)
    assert (result.base, result.value, result.is_met) == (1000, 1020, is_met)


def test_a_change_without_anything_before_is_unknown() -> None:
    budget = Budget(metric="flops_forward", text="+2%", relative=0.02)
    result = one(budget, scan_of(flops_forward=1020))
    assert (result.is_met, result.limit, result.base, result.value) == (None, None, None, 1020)
    assert result.reason.startswith("there is nothing to compare with")
    gone = one(budget, scan_of(flops_forward=1020), scan_of(flops_forward=None))
    assert (gone.is_met, gone.reason) == (None, "before: it was not measured")


def test_a_baseline_knows_the_number_before() -> None:
    settings = Settings(budgets=(Budget(metric="flops_forward", text="+2%", relative=0.02),))
    (result,) = results(scan_of(flops_forward=1030), settings, before={"flops_forward": 1000})
    assert (result.base, result.is_met) == (1000, False)


def test_other_inputs_are_not_compared_except_for_what_is_of_the_model() -> None:
    base = scan_of(flops_forward=1000, parameters=10)
    inputs = (InputTensor(name="ids", shape=(1, 64), dtype="int64", origin="given"),)
    base = replace(base, workload=replace(base.workload, inputs=inputs))
    scan = scan_of(flops_forward=1000, parameters=11)
    result = one(Budget(metric="flops_forward", text="+2%", relative=0.02), scan, base)
    assert result.is_met is None
    assert result.reason.startswith("inputs: int64[1, 64] before, ")
    assert one(Budget(metric="parameters", text="+0", change=0), scan, base).is_met is False


def paired(low: float, ratio: float, high: float) -> tuple[PairedTimes, ...]:
    base = (50.0,) * 7
    return (
        PairedTimes(
            metric="forward_ms",
            base_ms=base,
            head_ms=tuple(ratio * each for each in base),
            ratio=ratio,
            low=low,
            high=high,
            confidence=0.98,
        ),
    )


PAIRED = Budget(metric="forward_ms", text="+10%", relative=0.1, is_paired=True)


@pytest.mark.parametrize(
    ("low", "ratio", "high", "is_met"),
    [
        (0.98, 1.01, 1.04, True),
        (1.08, 1.15, 1.30, True),  # it may still be 8 %
        (1.10, 1.12, 1.15, True),
        (1.11, 1.12, 1.15, False),
    ],
)
def test_a_time_is_over_budget_when_its_whole_interval_is(
    low: float, ratio: float, high: float, is_met: bool
) -> None:
    result = one(PAIRED, scan_of(forward_ms=50.0), None, paired(low, ratio, high))
    assert result.is_met is is_met
    assert result.is_blocking is True
    assert (result.base, result.limit) == (50.0, pytest.approx(55.0))
    assert result.value == pytest.approx(50 * ratio)
    assert "in 7 pairs of runs" in result.reason


def test_a_time_without_pairs_is_unknown_and_blocks_nothing() -> None:
    result = one(PAIRED, scan_of(forward_ms=90.0), scan_of(forward_ms=50.0))
    assert (result.is_met, result.is_blocking) == (None, False)
    assert result.reason.startswith("no runs in turns were made")
    single = Budget(metric="forward_ms", text="+10%", relative=0.1, is_blocking=True)
    result = one(single, scan_of(forward_ms=90.0), scan_of(forward_ms=50.0))
    assert (result.is_met, result.is_blocking) == (None, False)


def test_a_single_timing_is_shown_against_its_limit_and_blocks_nothing() -> None:
    budget = Budget(metric="forward_ms", text="60 ms", limit=60, is_blocking=True)
    result = one(budget, scan_of(forward_ms=90.0))
    assert (result.is_met, result.is_blocking) == (False, False)
    assert "a single timing does not block" in result.reason


def test_another_noisy_number_blocks_when_it_was_asked_to() -> None:
    budget = Budget(metric="measured_peak_forward_bytes", text="60 B", limit=60, is_blocking=True)
    assert one(budget, scan_of(measured_peak_forward_bytes=61)).is_blocking is True


def test_results_stand_in_the_order_of_the_configuration() -> None:
    budgets = (
        Budget(metric="parameters", text="1", limit=1),
        Budget(metric="flops_forward", text="1", limit=1),
    )
    found = results(scan_of(flops_forward=1, parameters=1), Settings(budgets=budgets))
    assert [each.metric for each in found] == ["parameters", "flops_forward"]
