"""The gradient's norm from batch to batch."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean, stdev

import pytest
import torch
from torch import Tensor, nn

from attnprobe.probes.gradient_batches import numbers, probe
from attnprobe.records import Subject
from tests.probes.gradient_runs import reason, run, subject_of, value, watched


def summed(outputs: Tensor, inputs: Tensor) -> Tensor:
    return outputs.sum()


def batch(norm: float) -> Tensor:
    """The gradient of Σ x · w for w is x: (0.6, 0.8) · norm has this norm."""
    return torch.tensor([[0.6, 0.8]]) * norm


def linear() -> nn.Module:
    return nn.Linear(2, 1, bias=False)


def of_norms(norms: Sequence[float]) -> Subject:
    first, *others = (batch(norm) for norm in norms)
    return subject_of(linear(), first, loss=summed, batches=[(other,) for other in others])


def test_variation_largest_and_clip_norm_are_those_of_known_norms() -> None:
    result = run(of_norms([1, 2, 9]), probe)
    assert value(result, "gradient_norm") == pytest.approx(4)
    assert value(result, "gradient_norm_variation") == pytest.approx(stdev([1, 2, 9]) / 4)
    # the histogram's bins are 0.5 % wide: the median is 2 within half of it
    assert value(result, "gradient_norm_largest_to_median") == pytest.approx(4.5, rel=0.003)
    assert value(result, "suggested_clip_norm") == pytest.approx(2, rel=0.003)
    assert value(result, "non_finite_gradient_batches") == 0


def test_ten_batches_suggest_their_ninetieth_percentile() -> None:
    norms = [5.0, 1, 3, 2, 4, 9, 7, 8, 6, 100]
    result = run(of_norms(norms), probe)
    assert value(result, "suggested_clip_norm") == pytest.approx(9, rel=0.003)
    assert value(result, "gradient_norm_variation") == pytest.approx(stdev(norms) / fmean(norms))


def test_two_batches_are_too_few_for_a_variation() -> None:
    result = run(of_norms([1, 2]), probe)
    assert value(result, "gradient_norm") == pytest.approx(1.5)
    assert "needs 3 batches, there were 2" in reason(result, "suggested_clip_norm")


def test_a_batch_with_infinity_is_counted_and_left_out() -> None:
    result = run(of_norms([1, float("inf"), 2, 3]), probe)
    assert value(result, "non_finite_gradient_batches") == 1
    assert value(result, "gradient_norm") == pytest.approx(2)


def test_runs_over_different_batches_merge_to_one_over_all() -> None:
    name = probe.name
    whole = watched(of_norms([1, 2, 9, 4]), probe).watched[name].sums
    merged = watched(of_norms([1, 2]), probe).watched[name]
    merged.merge(watched(of_norms([9, 4]), probe).watched[name])
    for metric in ("gradient_norm", "gradient_norm_variation", "suggested_clip_norm"):
        expected = value(numbers(whole), metric)
        assert value(numbers(merged.sums), metric) == pytest.approx(expected, rel=1e-12)
