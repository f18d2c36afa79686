"""Lines through the gradients of the layers."""

from __future__ import annotations

from dataclasses import replace
from math import exp, log

import pytest
import torch
from torch import Tensor, nn

from attnprobe.probes.gradient_depth import METRICS, probe, profile
from attnprobe.probes.gradient_flow.line import fitted
from tests.probes.gradient_models import Attention, Stack, next_token_loss, token_ids
from tests.probes.gradient_runs import depth_of, reason, subject_of, value


def test_a_line_and_its_standard_error_are_those_derived_by_hand() -> None:
    # x = 0 1 2 3, y = 0 1 1 2: Sxy = 3, Sxx = 5, slope 0.6; residuals -0.1 0.3 -0.3 0.1, squares 0.2;
    # standard error √(0.2 / 2 / 5)
    line = fitted([0, 1, 2, 3], [0, 1, 1, 2])
    assert (line.slope, line.intercept) == pytest.approx((0.6, 0.1))
    assert line.slope_error == pytest.approx(0.02**0.5)


def chain(layers: int = 4) -> nn.Module:
    return nn.Sequential(*(Attention(8, 2) for _ in range(layers)))


def test_the_factor_is_towards_the_input_and_the_model_carries_its_largest_group() -> None:
    # gradients 1, 2, 4, 8 from first to last layer: halved with every layer on the way back, exactly
    subject = subject_of(chain(), torch.randn(1, 3, 8))
    sites = [site.id for site in subject.trace.sites]
    names = ("q_proj", "k_proj", "v_proj", "o_proj")
    known: dict[tuple[str, str], float | None] = {
        (f"{name}_gradient_norm", site): 2.0**layer for layer, site in enumerate(sites) for name in names
    }
    result = probe.run(replace(subject, known=known))
    for place in ("", *sites):
        assert value(result, "query_key_gradient_factor", place) == pytest.approx(0.5)
        assert value(result, "value_output_gradient_factor_error", place) == pytest.approx(0, abs=1e-9)
        assert value(result, "query_key_gradient_first_to_last", place) == pytest.approx(1 / 8)
    assert reason(result, "head_output_gradient_factor") == "the gradient is known for 0 of 4 layers"


def test_three_layers_are_too_few_for_a_slope() -> None:
    result = depth_of(subject_of(chain(3), torch.randn(1, 3, 8)))
    gaps = {gap.metric for gap in result.not_measured if "needs 4 layers" in gap.reason}
    assert gaps == {metric.name for metric in METRICS}


def test_a_gradient_of_exactly_zero_has_no_logarithm() -> None:
    subject = subject_of(chain(), torch.randn(1, 3, 8))
    known = {("output_gradient_norm", site.id): float(i) for i, site in enumerate(subject.trace.sites)}
    found = profile(known, subject.trace.sites, "head_output")
    assert found == "the gradient is exactly zero in 1 of 4 layers"


def test_layers_that_share_their_weights_have_no_profile_of_parameters() -> None:
    layer = Attention(8, 2)
    result = depth_of(subject_of(nn.Sequential(layer, layer, layer, layer), torch.randn(1, 3, 8)))
    assert reason(result, "query_key_gradient_factor") == "its layers share their weights"


def test_the_line_is_that_of_the_norms_that_autograd_gives() -> None:
    torch.manual_seed(0)
    model, inputs = chain(6), torch.randn(2, 5, 8)

    def loss(outputs: Tensor, _: Tensor) -> Tensor:
        return outputs.square().sum()

    result = depth_of(subject_of(model, inputs, loss=loss))
    loss(model(inputs), inputs).backward()
    logs = []
    for layer in model:
        parts = [getattr(layer, f"{name}_proj").weight.grad.norm().item() for name in "vo"]
        logs.append(0.5 * log(parts[0]) + 0.5 * log(parts[1]))
    # least squares for x = 0 … 5: Sxx = 17.5
    slope = sum((x - 2.5) * y for x, y in enumerate(logs)) / 17.5
    assert value(result, "value_output_gradient_factor") == pytest.approx(exp(-slope), rel=1e-4)
    ends = exp(logs[0] - logs[-1])
    assert value(result, "value_output_gradient_first_to_last") == pytest.approx(ends, rel=1e-4)


def test_small_weights_without_residual_and_normalisation_vanish_and_the_healthy_twin_does_not() -> None:
    def factor(model: nn.Module) -> float:
        result = depth_of(subject_of(model, token_ids(), loss=next_token_loss))
        return value(result, "head_output_gradient_factor")

    # each attention scales by about std² · width = 0.02² · 32, each feed-forward by less: far below 1/4
    assert factor(Stack(6, residual=False, norm=False)) < 0.05
    assert 0.8 < factor(Stack(6)) < 1.25
