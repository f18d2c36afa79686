"""Heads taken away for real, against the same done by hand."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

import attnprobe
from attnprobe.probes.head_ablation import probe
from attnprobe.probes.heads.ablation import Ablation, cosine_gaps
from tests.probes.captured import capture, loaded
from tests.probes.head_calls import Layer, Plain, subject_of

BOTH = ("head_importance", "head_ablation")


def by_hand(layer: Layer, x: Tensor, heads: list[int], given: Tensor | None = None) -> Tensor:
    own = layer.heads_of(x).clone()
    own[:, heads] = 0 if given is None else given[heads].unsqueeze(1)
    return x + layer.projected(own)


def relative(after: Tensor, before: Tensor) -> float:
    return float((after - before).norm() / before.norm())


def small(kind: type[Layer] = Layer, **changes: int) -> Layer:
    torch.manual_seed(0)
    return kind(**changes).requires_grad_(False)


@pytest.mark.parametrize("kind", [Layer, Plain])
def test_the_lowest_heads_and_the_highest_are_taken_away_one_by_one(kind: type[Layer]) -> None:
    layer, x = small(kind, groups=2), torch.randn(4, 7, 24)
    layer.requires_grad_(True)
    scan = attnprobe.scan(layer, x, probes=BOTH, device="cpu")
    layer.requires_grad_(False)
    (site,) = scan.sites
    importance = site.head_metrics["head_importance"]
    lowest, highest = importance.index(min(importance)), importance.index(max(importance))
    changes = site.head_metrics["ablated_head_output_change"]
    assert {head for head, value in enumerate(changes) if value is not None} == {lowest, highest}
    for head in (lowest, highest):
        after = by_hand(layer, x, [head])
        assert changes[head] == pytest.approx(relative(after, layer(x)), rel=1e-4)
        cosine = torch.nn.functional.cosine_similarity(after, layer(x), dim=-1)
        found = site.head_metrics["ablated_head_cosine_change"][head]
        assert found == pytest.approx(float((1 - cosine.double()).mean()), abs=1e-6)
    mean = layer.heads_of(x).mean((0, 2))
    filled = by_hand(layer, x, [lowest], mean)
    assert scan.totals["lowest_heads"] == 1
    assert scan.totals["lowest_heads_output_change"] == pytest.approx(changes[lowest])
    found = scan.totals["lowest_heads_mean_output_change"]
    assert found == pytest.approx(relative(filled, layer(x)), rel=1e-4)
    assert not any("loss" in metric for metric in scan.totals)


def test_several_heads_together_over_batches_of_unlike_lengths() -> None:
    layer, inputs = small(), (torch.randn(2, 5, 24), torch.randn(2, 6, 24))
    ablation = Ablation.of([(loaded(layer, x), capture(layer, x)) for x in inputs], seed=0)
    change = ablation.without({0: [1, 3]})
    gap = sum(float((by_hand(layer, x, [1, 3]) - layer(x)).square().sum()) for x in inputs)
    size = sum(float(layer(x).square().sum()) for x in inputs)
    assert change.relative == pytest.approx((gap / size) ** 0.5, rel=1e-5)


def test_every_batch_of_the_instrumented_run_is_run_again() -> None:
    layer, inputs = small(), [torch.randn(2, 5, 24), torch.randn(2, 6, 24), torch.randn(1, 5, 24)]
    layer.requires_grad_(True)
    scan = attnprobe.scan(layer, inputs, probes=BOTH, device="cpu", batches=3)
    layer.requires_grad_(False)
    changes = scan.sites[0].head_metrics["ablated_head_output_change"]
    head = next(number for number, value in enumerate(changes) if value is not None)
    gap = sum(float((by_hand(layer, x, [head]) - layer(x)).square().sum()) for x in inputs)
    size = sum(float(layer(x).square().sum()) for x in inputs)
    assert changes[head] == pytest.approx((gap / size) ** 0.5, rel=1e-4)


def test_a_model_that_takes_another_path_without_gradients_runs_with_them() -> None:
    class Biased(Layer):
        """A bias that is learned: torch picks another kernel for it where gradients are on."""

        def __init__(self) -> None:
            super().__init__()
            self.bias = nn.Parameter(torch.zeros(1, 4, 5, 5))

        def heads_of(self, x: Tensor) -> Tensor:
            return nn.functional.scaled_dot_product_attention(*self.qkv_of(x), self.bias * 2)

    torch.manual_seed(0)
    layer, x = Biased(), torch.randn(2, 5, 24)
    ablation = Ablation.of([(loaded(layer, x), capture(layer, x, backward=True))], seed=0)
    assert ablation.batches[0].has_gradients
    change = ablation.without({0: [2]})
    layer.requires_grad_(False)
    assert change.relative == pytest.approx(relative(by_hand(layer, x, [2]), layer(x)), rel=1e-5)


def test_the_loss_is_compared_where_there_is_one() -> None:
    layer, x = small(), torch.randn(2, 5, 24)
    model = loaded(layer, x)
    model.loss = lambda outputs, inputs: (outputs - inputs).square().mean()
    ablation = Ablation.of([(model, capture(layer, x))], seed=0)
    lost = (by_hand(layer, x, [2]) - x).square().mean() - (layer(x) - x).square().mean()
    assert ablation.without({0: [2]}).loss_change == pytest.approx(float(lost), rel=1e-4)


def test_dropout_is_the_same_with_and_without_a_head() -> None:
    x = torch.randn(2, 5, 24)
    model = nn.Sequential(small(), nn.Dropout(0.5)).train()
    trace = capture(model, x, train=True)
    change = Ablation.of([(loaded(model, x), trace)], seed=0).without({0: [0]})
    # With other masks half of the elements would come or go: a change near 1
    assert 0 < (change.relative or 0) < 0.5


def test_a_dead_head_changes_nothing() -> None:
    layer, x = small(), torch.randn(2, 5, 24)
    layer.v_proj.weight[:6] = 0
    layer.v_proj.bias[:6] = 0
    ablation = Ablation.of([(loaded(layer, x), capture(layer, x))], seed=0)
    assert ablation.without({0: [0]}).relative == 0.0


def test_cosine_gaps_keep_their_digits_near_one() -> None:
    angle = torch.tensor(1e-3)
    one, other = torch.tensor([[1.0, 0.0]]), torch.stack([angle.cos(), angle.sin()])[None]
    assert float(cosine_gaps(one, other)) == pytest.approx(5e-7, rel=1e-3)  # 1 - cos x = x² / 2


def test_without_importance_nothing_is_taken_away() -> None:
    subject = subject_of(heads=2)
    subject.model = loaded(nn.Identity())
    result = probe.run(subject)
    assert not result.measurements
    assert {gap.reason for gap in result.not_measured} == {
        "the importance of heads is not known (probe head_importance)"
    }
