"""Cost against length, from traces at several lengths."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor, nn

from attnprobe.errors import ModelError
from attnprobe.probes.length_scaling import probe
from attnprobe.records import ProbeResult, ScanOptions, Subject, Trace
from attnprobe.tracing.tracing import trace
from tests.probes.captured import loaded
from tests.probes.test_flops import SelfAttention


class LinearAttention(nn.Module):
    """relu(q) (relu(k)^T v): no L x L scores."""

    def __init__(self) -> None:
        super().__init__()
        self.q, self.k, self.v = (nn.Linear(32, 32) for _ in range(3))

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.q(x).relu(), self.k(x).relu(), self.v(x)
        return q @ (k.mT @ v) / (q @ k.sum(1, keepdim=True).mT + 1e-6)


def scaling(
    model: nn.Module, *, length: int = 16, longest: int = 10**6, lengths: tuple[int, ...] = ()
) -> ProbeResult:
    def retrace(length: int) -> Trace:
        if length > longest:
            raise ModelError("the forward pass failed: IndexError: index out of range")
        return trace(loaded(model, torch.randn(2, length, 32)), train=False, backward=False)

    step = replace(retrace(length), length_dims={"0": (1,)})
    return probe.run(
        Subject(trace=step, options=ScanOptions(target="model.py", lengths=lengths), retrace=retrace)
    )


def value(result: ProbeResult, metric: str, site: str = "") -> float | None:
    (found,) = [m.value for m in result.measurements if (m.metric, m.site) == (metric, site)]
    return found


# per token 4 projections: 2·2·4·32·32 L = 16384 L; core 4·2·4·8 L² = 256 L²
LINEAR, QUADRATIC = 16384, 256


def test_attention_grows_quadratically_and_passes_its_projections_at_64_tokens() -> None:
    result = scaling(SelfAttention(fused=True))
    assert value(result, "core_length_exponent") == 2
    assert value(result, "quadratic_crossover_length") == LINEAR / QUADRATIC == 64


def test_the_curve_holds_the_traced_values() -> None:
    (curve,) = [
        c for c in scaling(SelfAttention(fused=True)).curves if (c.metric, c.site) == ("flops_forward", "")
    ]
    assert curve.lengths == (8, 16, 32, 64)
    assert curve.values == tuple(LINEAR * n + QUADRATIC * n * n for n in curve.lengths)


def test_linear_attention_grows_linearly_and_is_never_passed() -> None:
    result = scaling(LinearAttention())
    assert value(result, "length_exponent") == 1
    (gap,) = [m for m in result.not_measured if (m.metric, m.site) == ("quadratic_crossover_length", "")]
    assert gap.reason == "no part of the FLOPs grows quadratically"


def test_lengths_that_the_model_refuses_are_noted_and_the_rest_is_used() -> None:
    result = scaling(SelfAttention(fused=True), longest=32)
    assert result.notes == (
        "length 64 could not be traced: the forward pass failed: IndexError: index out of range",
    )
    assert result.curves[0].lengths == (8, 16, 32)
    # three lengths are enough: the core is exactly quadratic and the rest exactly linear
    assert value(result, "quadratic_crossover_length") == 64


def test_lengths_can_be_asked_for() -> None:
    assert scaling(SelfAttention(fused=True), lengths=(4, 100)).curves[0].lengths == (4, 16, 100)


def test_without_a_token_dimension_nothing_is_traced() -> None:
    never: Callable[[int], Trace] = lambda length: (_ for _ in ()).throw(AssertionError)  # noqa: E731
    step = trace(loaded(SelfAttention(fused=True), torch.randn(2, 16, 32)), train=False, backward=False)
    step = replace(step, length_dims={})
    result = probe.run(Subject(trace=step, options=ScanOptions(target="model.py"), retrace=never))
    assert {m.metric for m in result.not_measured} == {metric.name for metric in probe.metrics}
