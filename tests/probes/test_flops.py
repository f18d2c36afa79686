"""The FLOP probe on whole models, against numbers worked out by hand."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from attnprobe.probes.flops import probe
from attnprobe.records import ProbeResult, ScanOptions, Subject, Trace
from tests.probes.captured import capture
from tests.probes.hand_traces import Sketch, dot_product

B, S, E, H, D = 2, 16, 32, 4, 8


class SelfAttention(nn.Module):
    """Causal self-attention of 4 heads on width 32."""

    def __init__(self, *, fused: bool) -> None:
        super().__init__()
        self.fused = fused
        self.q, self.k, self.v, self.o = (nn.Linear(E, E) for _ in range(4))

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (proj(x).unflatten(-1, (H, D)).transpose(1, 2) for proj in (self.q, self.k, self.v))
        if self.fused:
            y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        else:
            mask = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool).tril()
            scores = (q @ k.mT / math.sqrt(D)).masked_fill(~mask, float("-inf"))
            y = scores.softmax(-1) @ v
        return self.o(y.transpose(1, 2).flatten(2))


class Model(nn.Module):
    """Two attention layers called with keywords, one behind a checkpoint, and a head."""

    def __init__(self, *, fused: bool, checkpointed: bool = False) -> None:
        super().__init__()
        self.layers = nn.ModuleList(SelfAttention(fused=fused) for _ in range(2))
        self.head = nn.Linear(E, 50)
        self.checkpointed = checkpointed

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = x + (checkpoint(layer, x, use_reentrant=False) if self.checkpointed else layer(x=x))
        return self.head(x)


def run(trace: Trace) -> ProbeResult:
    return probe.run(Subject(trace=trace, options=ScanOptions(target="model.py")))


def value(result: ProbeResult, metric: str, site: str = "") -> float | None:
    (found,) = [m.value for m in result.measurements if (m.metric, m.site) == (metric, site)]
    return found


PROJECTIONS = 4 * 2 * B * S * E * E
CORE = 4 * B * H * S * S * D
HEAD = 2 * B * S * E * 50


@pytest.mark.parametrize("fused", [True, False])
def test_forward_of_model_and_site(fused: bool) -> None:
    result = run(capture(Model(fused=fused), torch.randn(B, S, E)))
    assert value(result, "flops_forward") == 2 * (PROJECTIONS + CORE) + HEAD
    assert value(result, "flops_forward", "layers.1") == PROJECTIONS + CORE
    assert value(result, "flops_projections", "layers.1") == PROJECTIONS
    assert value(result, "flops_scores", "layers.1") == CORE // 2
    assert value(result, "flops_values", "layers.1") == CORE // 2
    assert value(result, "core_flops_share", "layers.1") == CORE / (PROJECTIONS + CORE)
    share = value(result, "attention_flops_share")
    assert share == 2 * (PROJECTIONS + CORE) / (2 * (PROJECTIONS + CORE) + HEAD)


@pytest.mark.parametrize(("fused", "core_backward"), [(True, 2.5 * CORE), (False, 2 * CORE)])
def test_backward_of_a_layer_called_with_keywords(fused: bool, core_backward: float) -> None:
    result = run(capture(Model(fused=fused), torch.randn(B, S, E), backward=True))
    assert value(result, "flops_backward", "layers.1") == 2 * PROJECTIONS + core_backward
    # the input of the model needs no gradient: q, k and v of the first layer have one product less
    assert (
        value(result, "flops_backward", "layers.0")
        == 2 * PROJECTIONS - 3 * (PROJECTIONS // 4) + core_backward
    )
    assert value(result, "flops_recomputed") == 0


def test_checkpointing_runs_the_forward_of_its_layers_again() -> None:
    given = torch.randn(B, S, E, requires_grad=True)
    result = run(capture(Model(fused=True, checkpointed=True), given, backward=True, train=True))
    recomputed = value(result, "flops_recomputed", "layers.0")
    # torch stops recomputing at the last tensor that backward needs: before the output projection
    assert recomputed == 3 * PROJECTIONS // 4 + CORE
    assert value(result, "flops_backward", "layers.0") == 2 * PROJECTIONS + 2.5 * CORE + recomputed


@pytest.mark.parametrize("fused", [True, False])
def test_half_of_a_causal_core_is_useful_and_all_of_a_short_one_executed(fused: bool) -> None:
    result = run(capture(Model(fused=fused), torch.randn(B, S, E)))
    assert value(result, "flops_useful", "layers.0") == CORE * (S * (S + 1) // 2) / S**2
    assert value(result, "flops_executed", "layers.0") == CORE
    assert value(result, "flops_useful") == 2 * CORE * (S * (S + 1) // 2) / S**2


def test_what_is_not_known_of_one_site_is_not_known_of_the_model() -> None:
    sketch = Sketch()
    query = sketch.tensor(2, 4, 16, 8)
    op = sketch.op("aten._scaled_dot_product_flash_attention.default", query, query, query, out=[query])
    core = dot_product(score_ops=[op], is_causal_flag=True, kernel="flash")
    sketch.site(core, {"scores": [op]})
    result = run(sketch.trace())
    assert {(m.metric, m.site) for m in result.not_measured} >= {
        ("flops_executed", "attn"),
        ("flops_executed", ""),
    }
    assert not [m for m in result.measurements if m.metric == "flops_executed"]
    assert value(result, "flops_useful", "attn") == 4 * 2 * 4 * 136 * 8


def test_without_a_backward_its_flops_are_not_measured() -> None:
    result = run(capture(Model(fused=True), torch.randn(B, S, E)))
    missing = {(m.metric, m.site, m.reason) for m in result.not_measured}
    assert ("flops_backward", "", "the scan ran no backward pass") in missing


def test_a_model_without_attention_has_no_attention_and_no_error() -> None:
    result = run(capture(nn.Linear(E, E), torch.randn(B, E)))
    assert value(result, "flops_forward") == 2 * B * E * E
    assert value(result, "attention_flops_share") == 0
    assert value(result, "flops_useful") == 0


def test_every_number_that_is_reported_is_in_the_dictionary() -> None:
    result = run(capture(Model(fused=True), torch.randn(B, S, E), backward=True))
    assert {m.metric for m in result.measurements} <= {metric.name for metric in probe.metrics}
