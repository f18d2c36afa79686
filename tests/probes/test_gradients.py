"""Gradients of queries, keys, values and head outputs: derived by hand, and read off autograd."""

from __future__ import annotations

from math import sqrt

import pytest
import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from attnprobe.probes.gradients import METRICS, probe
from attnprobe.records import ScanOptions
from tests.probes.gradient_models import Attention, uniform_attention
from tests.probes.gradient_runs import heads, reason, run, subject_of, value, watched

SITE = "0"


def summed(outputs: Tensor, inputs: Tensor) -> Tensor:
    return outputs.sum()


def test_norms_of_a_uniform_attention_are_those_derived_by_hand() -> None:
    # loss = Σ outputs, o = diag(1, 1, 2, 2): each token's output gradient is (1, 1 | 2, 2);
    # two tokens, weights 1/2: each value gets 2 · 1/2 of it; queries and keys get none
    model = nn.Sequential(uniform_attention())
    result = run(subject_of(model, torch.ones(1, 2, 4), loss=summed), probe)
    for role in ("output", "value"):
        assert heads(result, f"{role}_gradient_norm", SITE) == pytest.approx((sqrt(2), sqrt(8)))
        assert value(result, f"{role}_gradient_norm", SITE) == pytest.approx(sqrt(10))
    assert heads(result, "output_gradient_share", SITE) == pytest.approx((0.2, 0.8))
    assert value(result, "output_gradient_share", SITE) == pytest.approx(0.8)
    assert heads(result, "query_gradient_norm", SITE) == (0, 0)
    assert reason(result, "query_gradient_share", SITE) == "its gradient is exactly zero"


@pytest.mark.parametrize("kv_heads", [4, 2, 1])
@pytest.mark.parametrize("length", [1, 7])
def test_norms_are_those_of_autograd_for_grouped_heads_and_odd_lengths(kv_heads: int, length: int) -> None:
    torch.manual_seed(0)
    attention = Attention(16, 4, kv_heads)
    inputs = torch.randn(3, length, 16)
    result = run(subject_of(nn.Sequential(attention), inputs, loss=weighted), probe)
    outputs = attention(inputs)
    for tensor in attention.seen.values():
        tensor.retain_grad()
    weighted(outputs, inputs).backward()
    for role, tensor in attention.seen.items():
        assert tensor.grad is not None
        squares = tensor.grad.double().square().sum((0, 2, 3))  # [heads]
        expected = (squares / (3 * length)).sqrt()
        own = expected.repeat_interleave(4 // len(expected)).tolist()
        assert heads(result, f"{role}_gradient_norm", SITE) == pytest.approx(own, rel=1e-5, abs=1e-12)


def weighted(outputs: Tensor, inputs: Tensor) -> Tensor:
    """A loss whose gradient differs everywhere, on one scale for all lengths."""
    factors = torch.linspace(-1, 2, outputs.numel(), dtype=outputs.dtype).view_as(outputs)
    return (outputs * factors).float().sum()


def test_batches_add_up_as_one_pass_over_all_of_them() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(Attention())
    one, two = torch.randn(2, 5, 16), torch.randn(2, 5, 16)
    both = watched(subject_of(model, one, loss=weighted, batches=[(two,)]), probe).watched["gradients"].sums
    merged = watched(subject_of(model, one, loss=weighted), probe).watched["gradients"]
    merged.merge(watched(subject_of(model, two, loss=weighted), probe).watched["gradients"])
    for name in ("query squares", "value squares", "output tokens"):
        assert torch.equal(merged.sums.get(0, name), both.get(0, name))


def test_half_precision_gradients_do_not_overflow_when_squared() -> None:
    # gradients of 1000 each: their squares do not fit into fp16
    model = nn.Sequential(uniform_attention()).to(torch.float16)
    with torch.no_grad():
        model[0].o_proj.weight.mul_(1000)
    inputs = torch.ones(1, 2, 4, dtype=torch.float16)
    result = run(subject_of(model, inputs, loss=lambda out, _: out.float().sum()), probe)
    expected = (sqrt(2) * 1000, sqrt(8) * 1000)
    assert heads(result, "output_gradient_norm", SITE) == pytest.approx(expected, rel=1e-3)


def test_parts_under_reentrant_checkpointing_have_no_gradient_and_say_why() -> None:
    class Checkpointed(Attention):
        def forward(self, x: Tensor) -> Tensor:
            again = checkpoint(super().forward, x, use_reentrant=True)
            assert isinstance(again, Tensor)
            return again

    inputs = torch.randn(2, 5, 16, requires_grad=True)
    result = run(subject_of(nn.Sequential(Checkpointed()), inputs, loss=weighted), probe)
    assert "use_reentrant=True" in reason(result, "query_gradient_norm", SITE)


def test_without_a_backward_nothing_is_measured() -> None:
    options = ScanOptions(target="model.py", backward=False)
    result = run(subject_of(nn.Sequential(Attention()), torch.randn(2, 5, 16), options=options), probe)
    assert not result.measurements
    assert {gap.metric for gap in result.not_measured} == {metric.name for metric in METRICS}
    assert {gap.reason for gap in result.not_measured} == {"the scan ran no backward pass"}
