from __future__ import annotations

import pytest

from attnprobe.comparing import compare
from attnprobe.records import Change, NotMeasured, PairedTimes
from tests.comparing.scans import scan


def change(before: object, after: object, name: str, **times: object) -> Change:
    compared = compare(before, after, base_name="main", head_name="head", **times)
    return next(each for each in compared.changes if each.name == name)


@pytest.mark.parametrize(
    ("before", "after", "verdict", "relative"),
    [
        (100, 106, "worse", 0.06),
        (100, 50, "better", -0.5),
        (100, 100, "same", 0.0),
        (2**60, 2**60 + 1, "worse", 1 / 2**60),  # a float would call them equal
        (0, 0, "same", 0.0),
        (0, 5, "worse", None),  # nothing to divide by
    ],
)
def test_flops_are_better_when_fewer_and_compared_exactly(
    before: int, after: int, verdict: str, relative: float | None
) -> None:
    found = change(scan({"flops_forward": before}), scan({"flops_forward": after}), "flops_forward")
    assert (found.verdict, found.base, found.head) == (verdict, before, after)
    assert found.relative == (relative if relative is None else pytest.approx(relative))


def test_a_number_that_is_neither_good_nor_bad_is_changed() -> None:
    name = "value_output_gradient_factor"
    assert change(scan({name: 1.0}), scan({name: 1.1}), name).verdict == "changed"
    assert change(scan({name: 1.0}), scan({name: 1.0 + 1e-9}), name).verdict == "same"


def test_sampled_numbers_within_five_percent_are_noise_and_say_so() -> None:
    found = change(scan({"gradient_reach": 1.0}), scan({"gradient_reach": 1.04}), "gradient_reach")
    assert (found.verdict, found.reason) == ("within_noise", "±5 %, since it is sampled")
    assert change(
        scan({"gradient_reach": 1.0}), scan({"gradient_reach": 1.06}), "gradient_reach"
    ).verdict == ("changed")


def test_times_of_two_runs_are_never_compared() -> None:
    found = change(scan({"forward_ms": 10.0}), scan({"forward_ms": 90.0}), "forward_ms")
    assert found.verdict == "not_comparable"
    assert found.reason == "times of two separate runs are not compared"
    assert (found.base, found.head) == (10.0, 90.0)
    memory = "measured_peak_training_bytes"
    assert change(scan({memory: 10}), scan({memory: 90}), memory).verdict == "not_comparable"


def paired(ratio: float, low: float, high: float) -> PairedTimes:
    return PairedTimes(
        metric="forward_ms",
        base_ms=(10.0,) * 7,
        head_ms=(10.0 * ratio,) * 7,
        ratio=ratio,
        low=low,
        high=high,
        confidence=0.984,
    )


@pytest.mark.parametrize(
    ("times", "verdict"),
    [
        (paired(1.2, 1.15, 1.3), "worse"),
        (paired(0.8, 0.7, 0.9), "better"),
        (paired(1.2, 0.9, 1.3), "within_noise"),  # the interval holds 1
        (paired(1.02, 1.01, 1.03), "within_noise"),  # two processes differ by as much
    ],
)
def test_paired_times_are_compared_by_their_interval(times: PairedTimes, verdict: str) -> None:
    found = change(scan({"forward_ms": 1.0}), scan({"forward_ms": 9.0}), "forward_ms", times=[times])
    assert found.verdict == verdict
    assert found.relative == pytest.approx(times.ratio - 1)
    low, high = (f"{100 * end - 100:+.1f}".replace("-", "−") for end in (times.low, times.high))
    assert found.reason == f"{low} to {high} %, 7 paired runs"


def test_what_only_one_scan_measured_is_listed_with_its_reason() -> None:
    gap = NotMeasured(metric="parameters", site="", reason="the probe memory failed")
    found = change(scan(not_measured=(gap,)), scan({"parameters": 5}), "parameters")
    assert found.verdict == "not_comparable"
    assert found.reason == "not measured in the base: the probe memory failed"
    found = change(scan({"parameters": 5}), scan(metrics={}), "parameters")
    assert found.reason == "not measured in the head: its probe did not run"


@pytest.mark.parametrize(
    ("base", "head", "reason"),
    [
        ({"length": 64}, {}, "inputs: int64[1, 64] and int64[1, 128]"),
        ({"torch": "2.12.1"}, {}, "torch: 2.12 and 2.13"),
        ({"train": True}, {}, "layers in training mode: True and False"),
    ],
)
def test_costs_on_other_inputs_or_another_torch_are_not_compared(
    base: dict[str, object], head: dict[str, object], reason: str
) -> None:
    before, after = (
        scan({"flops_forward": 5, "parameters": 7}, **base),
        scan({"flops_forward": 6, "parameters": 8}, **head),
    )
    found = change(before, after, "flops_forward")
    assert (found.verdict, found.reason) == ("not_comparable", reason)
    assert change(before, after, "parameters").verdict == "worse"  # whatever the inputs
    assert reason in compare(before, after, base_name="a", head_name="b").reasons


def test_a_patch_release_of_torch_changes_nothing() -> None:
    before, after = (
        scan({"flops_forward": 5}, torch="2.13.0+cpu"),
        scan({"flops_forward": 5}, torch="2.13.1"),
    )
    assert change(before, after, "flops_forward").verdict == "same"


def test_another_device_hinders_what_was_run_and_not_what_was_counted() -> None:
    totals = {"flops_forward": 5, "gradient_reach": 1.0}
    before, after = scan(totals), scan(totals, device="cuda", machine="NVIDIA H200")
    assert change(before, after, "flops_forward").verdict == "same"
    found = change(before, after, "gradient_reach")
    assert found.verdict == "not_comparable"
    assert found.reason == "device: cpu (cpu) and cuda (NVIDIA H200)"


def test_a_loss_of_another_kind_hinders_gradients_alone() -> None:
    totals = {"value_output_gradient_factor": 1.0, "flops_forward": 5}
    before, after = scan(totals), scan(totals, loss="the model's own")
    assert change(before, after, "value_output_gradient_factor").reason == "loss: given and the model's own"
    assert change(before, after, "flops_forward").verdict == "same"


def test_what_needs_data_is_left_out_on_random_inputs_and_said_once() -> None:
    totals = {"largest_logit": 5.0, "flops_forward": 5}
    compared = compare(scan(totals, data="random"), scan(totals), base_name="a", head_name="b")
    assert [each.name for each in compared.changes] == ["flops_forward"]
    assert "the inputs are random: numbers that describe data are not compared" in compared.reasons
    assert change(scan(totals), scan(totals), "largest_logit").verdict == "same"


def test_a_dtype_of_the_models_own_is_its_change_and_one_that_was_asked_for_is_not() -> None:
    asked = {"settings": {"command": "attnprobe scan gpt.py --dtype bfloat16"}}
    before = scan({"activation_bytes": 8})
    own = scan({"activation_bytes": 4}, dtype="bfloat16")
    told = scan({"activation_bytes": 4}, dtype="bfloat16", **asked)
    assert change(before, own, "activation_bytes").verdict == "better"
    assert "dtype: float32 and bfloat16" in compare(before, own, base_name="a", head_name="b").reasons
    assert change(before, told, "activation_bytes").reason == "dtype: float32 and bfloat16"


def test_without_a_base_everything_was_added() -> None:
    compared = compare(None, scan({"flops_forward": 5}), base_name="main (1a2b3c4)", head_name="head")
    assert [(each.verdict, each.base, each.head) for each in compared.changes] == [("added", None, 5)]
    assert compared.reasons == ("the target does not exist in main (1a2b3c4)",)


def test_the_costs_come_first_and_the_rest_by_name() -> None:
    totals = {"gradient_reach": 1.0, "parameters": 1, "flops_forward": 1, "attention_x": 1}
    compared = compare(scan(totals), scan(totals), base_name="a", head_name="b")
    assert [each.name for each in compared.changes] == [
        "flops_forward",
        "parameters",
        "attention_x",
        "gradient_reach",
    ]
