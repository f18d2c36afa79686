"""Timing by a clock that is passed in; what a module's own nodes take in the backward."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import repeat

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from attnprobe.borrowing import borrowed
from attnprobe.probes.measuring.timers import CpuTimer
from attnprobe.probes.timing import measure
from attnprobe.records import ProbeResult, Subject
from tests.probes.captured import measurable
from tests.probes.test_flops import Model, SelfAttention

B, S, E = 2, 16, 32


class Delay(torch.autograd.Function):
    """Moves a clock on by 1 ms in its forward and by 10 ms in its backward."""

    now = 0.0  # ms

    @staticmethod
    def forward(ctx: object, x: Tensor) -> Tensor:
        Delay.now += 1.0
        return x.clone()

    @staticmethod
    def backward(ctx: object, *grads: Tensor) -> Tensor:
        Delay.now += 10.0
        return grads[0]


class Slow(SelfAttention):
    """Self-attention that takes 1 ms forward and 10 ms backward by the clock of `Delay`."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(Delay.apply(x))


class Stack(nn.Module):
    """Two slow layers called with keywords; between them 1 ms that belongs to neither."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(Slow(fused=True) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.layers[0](x=x)
        x = Delay.apply(x)
        return x + self.layers[1](x=x)


def timed(subject: Subject) -> ProbeResult:
    assert subject.model is not None
    with borrowed(subject.model.module, train=False):
        return measure(subject, CpuTimer(lambda: Delay.now / 1e3))


def value(result: ProbeResult, metric: str, site: str = "") -> float | None:
    (found,) = [m.value for m in result.measurements if (m.metric, m.site) == (metric, site)]
    return None if found is None else round(found, 6)


def test_model_and_sites_are_timed_forward_and_backward() -> None:
    result = timed(measurable(Stack(), torch.randn(B, S, E, requires_grad=True)))
    assert value(result, "forward_ms") == 3
    assert value(result, "forward_ms", "layers.0") == 1
    assert value(result, "forward_ms", "layers.1") == 1
    assert value(result, "backward_ms") == 30
    # called with keywords, on a residual branch: the nodes of the layer, and no others
    assert value(result, "backward_ms", "layers.0") == 10
    assert value(result, "backward_ms", "layers.1") == 10
    assert value(result, "forward_ms_spread") == 0


def test_recomputation_counts_for_the_site_that_is_recomputed() -> None:
    class Checkpointed(Slow):
        def forward(self, x: Tensor) -> Tensor:
            again = checkpoint(super().forward, x, use_reentrant=False)
            assert isinstance(again, Tensor)
            return again

    model = nn.Sequential(Checkpointed(fused=True))
    result = timed(measurable(model, torch.randn(B, S, E, requires_grad=True)))
    assert value(result, "backward_ms", "0") == 11


class Uneven(SelfAttention):
    """Takes as long as it is told, call by call."""

    milliseconds: Iterator[float] = repeat(0.0)

    def forward(self, x: Tensor) -> Tensor:
        Delay.now += next(self.milliseconds)
        return super().forward(x)


def uneven(*milliseconds: float) -> ProbeResult:
    Uneven.milliseconds = repeat(0.0)
    subject = measurable(nn.Sequential(Uneven(fused=True)), torch.randn(B, S, E), backward=False)
    Uneven.milliseconds = iter(milliseconds)
    return timed(subject)


def test_the_median_and_its_spread_are_reported_for_the_model_and_then_for_its_sites() -> None:
    # the first call, a warm-up, three repeats; under hooks a warm-up and three repeats
    result = uneven(100, 50, 1, 2, 9, 50, 3, 4, 11)
    assert (value(result, "forward_ms"), value(result, "forward_ms_spread")) == (2, 1)
    assert (value(result, "forward_ms", "0"), value(result, "forward_ms_spread", "0")) == (4, 1)


def test_a_slow_model_runs_under_hooks_only() -> None:
    result = uneven(5000, 4000, 3000, 4000, 5000)
    assert value(result, "forward_ms") == value(result, "forward_ms", "0") == 4000


def test_without_a_backward_it_is_not_timed() -> None:
    result = timed(measurable(Stack(), torch.randn(B, S, E), backward=False))
    assert not [m for m in result.measurements if m.metric.startswith("backward")]
    assert ("backward_ms", "", "the scan ran no backward pass") in {
        (m.metric, m.site, m.reason) for m in result.not_measured
    }


def test_attention_without_a_module_of_its_own_is_not_timed_and_says_why() -> None:
    class Block(SelfAttention):
        def __init__(self) -> None:
            super().__init__(fused=True)
            self.mlp = nn.Linear(E, E)

        def forward(self, x: Tensor) -> Tensor:
            return self.mlp(super().forward(x)).relu()

    result = timed(measurable(nn.Sequential(Block()), torch.randn(B, S, E)))
    (gap,) = [m for m in result.not_measured if m.metric == "forward_ms"]
    assert gap.reason == "it has no module of its own: '0' computes other things too"
    assert value(result, "forward_ms") is not None


def test_a_model_is_given_back_without_hooks_and_gradients() -> None:
    model = Model(fused=True)
    timed(measurable(model, torch.randn(B, S, E)))
    assert not any(part._forward_hooks or part._forward_pre_hooks for part in model.modules())
    assert all(parameter.grad is None for parameter in model.parameters())
