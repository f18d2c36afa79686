"""Importance of heads, against derivatives for a factor on each head."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

import attnprobe
from attnprobe.observing.calls import Gradients
from attnprobe.probes.head_importance import probe
from attnprobe.probes.heads.importance import ImportanceWatcher, importances, standard_errors
from tests.probes.head_calls import Layer, Plain, call_of, subject_of

ONLY = ("head_importance",)


def shown(watcher: ImportanceWatcher, z: Tensor, dz: Tensor, output: Tensor, number: int = 0) -> None:
    call = call_of(heads=z.shape[1], samples=z.shape[0], output=z)
    call.batch.main_output = output
    watcher.direction(call, dz, number)


def test_importance_and_its_error_by_hand() -> None:
    # Two samples, one query, width 2; z · dz = (3, 0) and (1, 2) for the two heads; ‖f‖² = 20
    z = torch.tensor([[[[1.0, 2.0]], [[1.0, 1.0]]], [[[1.0, 0.0]], [[2.0, 0.0]]]])
    dz = torch.tensor([[[[1.0, 1.0]], [[1.0, -1.0]]], [[[1.0, 9.0]], [[1.0, 9.0]]]])
    watcher = ImportanceWatcher()
    shown(watcher, z, dz, torch.tensor([[2.0, 0.0], [0.0, 4.0]]))
    found, errors = importances(watcher.sums, 0), standard_errors(watcher.sums, 0)
    assert found is not None
    assert errors is not None
    assert found.tolist() == pytest.approx([math.sqrt((9 + 1) / 20), math.sqrt((0 + 4) / 20)])
    # Squares of head 0: 9 and 1; mean 5, variance (16 + 16) / 1, standard error √(32 / 2) = 4: relative 0.8
    assert float(errors[0]) == pytest.approx(math.sqrt(0.5) * 0.8 / 2)


def test_windows_of_one_sample_are_added_before_squaring() -> None:
    z, dz = torch.ones(4, 1, 1, 1), torch.tensor([1.0, -1.0, 2.0, 1.0]).view(4, 1, 1, 1)
    watcher, call = ImportanceWatcher(), call_of(heads=1, samples=2, windows=2, output=z)
    call.batch.main_output = torch.ones(1, 1)
    watcher.direction(call, dz, 0)
    assert watcher.sums.get(0, "squares").tolist() == [(1 - 1) ** 2 + (2 + 1) ** 2]
    assert float(watcher.sums.get(0, "draws")) == 2


def test_two_batches_merge_into_one_pass() -> None:
    parts = [tuple(torch.randn(3, 4, 5, 2) for _ in range(2)) for _ in range(2)]
    whole, halves = ImportanceWatcher(), [ImportanceWatcher(), ImportanceWatcher()]
    for half, (z, dz) in zip(halves, parts, strict=True):
        for watcher in (half, whole):
            watcher.after_batch(call_of(heads=4).batch)
            shown(watcher, z, dz, z)
    halves[0].merge(halves[1])
    merged = importances(halves[0].sums, 0)
    assert merged is not None
    assert torch.allclose(merged, importances(whole.sums, 0))


@pytest.mark.parametrize("kind", [Layer, Plain])
def test_where_the_output_is_linear_in_the_heads_it_is_the_change_without_the_head(kind: type[Layer]) -> None:
    torch.manual_seed(0)
    layer, x = kind(groups=2), torch.randn(60, 3, 24)
    scan = attnprobe.scan(layer, x, probes=ONLY, device="cpu")
    (site,) = scan.sites
    layer.requires_grad_(False)
    heads = layer.heads_of(x)
    for head in range(4):
        alone = torch.zeros_like(heads)
        alone[:, head] = heads[:, head]
        moved = (layer.projected(alone) - layer.projected(torch.zeros_like(heads))).norm()
        truth = float(moved / layer(x).norm())
        error = site.head_metrics["head_importance_error"][head]
        assert abs(site.head_metrics["head_importance"][head] - truth) < 4 * error < truth
    assert sum(site.head_metrics["head_importance_share"]) == pytest.approx(1)
    assert scan.totals["head_importance_draws"] in [60 * number for number in range(2, 17)]
    assert [gap.metric for gap in scan.not_measured] == ["head_loss_importance"]


def test_importance_for_a_loss_is_the_derivative_for_a_factor_on_each_sample_and_head() -> None:
    torch.manual_seed(0)
    layer, x = Layer(), torch.randn(5, 7, 24)
    model = nn.Sequential(Layer(), layer)
    first = model[0]
    gate = torch.ones(5, 4, requires_grad=True)
    gated = layer.heads_of(first(x)) * gate[:, :, None, None]
    loss = ((first(x) + layer.projected(gated)) ** 2).mean()
    # The loss is the mean over 5 samples, so each sample's own is 5 times as steep
    truth = torch.autograd.grad(loss, gate)[0].abs().mul(5).mean(0)
    scan = attnprobe.scan(model, x, lambda outputs, _: (outputs**2).mean(), probes=ONLY, device="cpu")
    assert scan.sites[1].head_metrics["head_loss_importance"] == pytest.approx(truth.tolist(), rel=1e-4)


def test_a_projection_of_the_output_is_not_taken_for_a_loss() -> None:
    watcher, call = ImportanceWatcher(), call_of(heads=2, output=torch.ones(1, 2, 3, 4))
    call.batch.loss, call.batch.loss_origin = 1.0, "a fixed random projection of the output (seed 0)"
    watcher.gradients(call, Gradients(output=torch.ones(1, 2, 3, 4)))
    watcher.after_batch(call.batch)
    assert watcher.sums.get(0, "loss") is None
    assert watcher.sums.get(-1, "batches with a loss") is None


def test_without_a_backward_pass_there_is_no_importance() -> None:
    result = probe.run(subject_of(heads=2))
    assert {gap.reason for gap in result.not_measured} == {"the scan ran no backward pass"}
    assert len(result.not_measured) == 5


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_gives_nearly_the_same(dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    layer, x = Layer(), torch.randn(4, 6, 24)
    exact = attnprobe.scan(layer, x, probes=ONLY, device="cpu").sites[0].head_metrics["head_importance"]
    half = attnprobe.scan(layer.to(dtype), x.to(dtype), probes=ONLY, device="cpu").sites[0]
    assert half.head_metrics["head_importance"] == pytest.approx(exact, rel=0.05)
