"""Predicted memory: by hand for one layer, and for parameters, gradients and Adam."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn

from attnprobe.errors import ModelError
from attnprobe.probes.memory import probe
from attnprobe.records import ProbeResult, ScanOptions, Subject, Trace
from attnprobe.tracing.tracing import trace
from tests.probes.captured import capture, loaded
from tests.probes.test_flops import E, H, Model, SelfAttention

B, S = 2, 16


def value(result: ProbeResult, metric: str, site: str = "") -> float | None:
    (found,) = [m.value for m in result.measurements if (m.metric, m.site) == (metric, site)]
    return found


def measure(step: Trace, **changes: object) -> ProbeResult:
    subject = Subject(trace=step, options=ScanOptions(target="model.py"))
    for name, change in changes.items():
        setattr(subject, name, change)
    return probe.run(subject)


def test_fused_attention_keeps_query_key_value_output_and_log_sum_exp() -> None:
    step = capture(SelfAttention(fused=True), torch.randn(B, S, E), backward=True)
    site = step.sites[0].id
    assert value(measure(step), "activation_bytes", site) == 4 * (4 * B * S * E) + 4 * B * H * S


def test_unfused_attention_keeps_its_probabilities_too() -> None:
    fused = measure(capture(SelfAttention(fused=True), torch.randn(B, S, E), backward=True))
    unfused = measure(capture(SelfAttention(fused=False), torch.randn(B, S, E), backward=True))
    more = (value(unfused, "activation_bytes") or 0) - (value(fused, "activation_bytes") or 0)
    scores, mask = 4 * B * H * S * S, S * S
    # the probabilities and the boolean mask; not the log-sum-exp
    assert more == scores + mask - 4 * B * H * S


def test_shares_add_up_to_the_models_activations() -> None:
    result = measure(capture(Model(fused=True), torch.randn(B, S, E), backward=True))
    assert sum(share.value for share in result.cost_shares) == value(result, "activation_bytes")
    assert sum(share.share for share in result.cost_shares) == 1


class Tied(nn.Module):
    """An embedding of 50 x 8 whose weight is the output layer's too."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(50, 8)
        self.head = nn.Linear(8, 50, bias=False)
        self.head.weight = self.embedding.weight

    def forward(self, ids: Tensor) -> Tensor:
        return self.head(self.embedding(ids))


def test_tied_parameters_are_counted_once() -> None:
    result = measure(capture(Tied(), torch.zeros(2, 3, dtype=torch.long)))
    assert value(result, "parameters") == 400
    assert value(result, "parameter_bytes") == 1600
    assert value(result, "gradient_bytes") == 1600
    assert value(result, "optimizer_bytes") == 2 * 1600
    assert value(result, "training_state_bytes") == 4 * 1600


def test_adam_keeps_its_moments_in_the_parameters_dtype() -> None:
    result = measure(capture(nn.Linear(8, 4, dtype=torch.bfloat16), torch.randn(2, 8, dtype=torch.bfloat16)))
    assert value(result, "optimizer_bytes") == 2 * 2 * (8 * 4 + 4)


def test_the_peak_of_a_forward_comes_from_a_trace_without_gradients() -> None:
    model, given = SelfAttention(fused=True), torch.randn(B, S, E)
    step = replace(capture(model, given, backward=True), length_dims={"0": (1,)})
    asked: list[int] = []

    def retrace(length: int) -> Trace:
        asked.append(length)
        return trace(loaded(model, given), train=False, backward=False)

    result = measure(step, retrace=retrace)
    assert asked == [S]
    resident = 4 * (4 * (E * E + E) + B * S * E)
    # query, key and value live on in the forward's local names while the output is projected
    assert value(result, "peak_forward_bytes") == resident + 4 * (5 * B * S * E)


def test_a_model_that_cannot_be_traced_again_has_no_forward_peak_and_says_why() -> None:
    step = replace(capture(Model(fused=True), torch.randn(B, S, E), backward=True), length_dims={"0": (1,)})

    def retrace(length: int) -> Trace:
        raise ModelError("the forward pass failed: IndexError: index out of range")

    (gap,) = [m for m in measure(step, retrace=retrace).not_measured if m.metric == "peak_forward_bytes"]
    assert gap.reason == "the forward pass failed: IndexError: index out of range"


def test_without_a_backward_the_training_numbers_are_not_measured() -> None:
    result = measure(capture(Model(fused=True), torch.randn(B, S, E)))
    missing = {(m.metric, m.site) for m in result.not_measured}
    assert missing == {
        ("peak_training_bytes", ""),
        ("activation_bytes", ""),
        ("activation_bytes", "layers.0"),
        ("activation_bytes", "layers.1"),
    }
    assert value(result, "peak_forward_bytes") is not None
