"""Facts of the code, on models small enough to say them by hand. Faults: tests/checking/faulty_models."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from attnprobe.probes.structure import probe
from attnprobe.records import ProbeResult, ScanOptions, Subject
from tests.probes.captured import capture

WIDTH, HEADS = 16, 2


class Attention(nn.Module):
    """Two heads of width 8."""

    def __init__(self, *, is_causal: bool = False, dropout: float = 0.0, scale: float | None = None) -> None:
        super().__init__()
        self.qkv, self.out = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
        self.options = {"is_causal": is_causal, "dropout_p": dropout, "scale": scale}

    def forward(self, x: Tensor) -> Tensor:
        heads = self.qkv(x).unflatten(2, (3, HEADS, -1)).permute(2, 0, 3, 1, 4)
        mixed: Tensor = F.scaled_dot_product_attention(*heads.unbind(), **self.options)
        return self.out(mixed.transpose(1, 2).flatten(2))


class Stack(nn.Module):
    """Layers one after another, with residuals and no norm."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.first, self.layers = nn.Linear(WIDTH, WIDTH), nn.ModuleList(layers)

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)
        for layer in self.layers:
            x = x + layer(x)
        return x


class SideBySide(nn.Module):
    """Two attentions that read the same, and one that reads their sum."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.other, self.last = Attention(), Attention(), Attention()
        self.first = nn.Linear(WIDTH, WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)
        return self.last(self.one(x) + self.other(x))


class LooseWeights(nn.Module):
    """Two linear layers with a bias each, in a plain list: four tensors."""

    def __init__(self) -> None:
        super().__init__()
        self.query_key = [nn.Linear(WIDTH, WIDTH) for _ in range(2)]
        self.value = nn.Linear(WIDTH, WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        query, key = (layer(x) for layer in self.query_key)
        return (query @ key.mT / WIDTH**0.5).softmax(-1) @ self.value(x)


def found_in(module: nn.Module, **kind: Any) -> ProbeResult:
    subject = Subject(trace=capture(module, torch.randn(2, 6, WIDTH), **kind), options=ScanOptions(target=""))
    return probe.run(subject)


def value(result: ProbeResult, metric: str, site: str = "") -> float | None:
    return next((m.value for m in result.measurements if (m.metric, m.site) == (metric, site)), None)


def reason(result: ProbeResult, metric: str, site: str = "") -> str:
    return next(m.reason for m in result.not_measured if (m.metric, m.site) == (metric, site))


def test_healthy_attention_has_every_fact_at_its_healthy_value() -> None:
    result = found_in(Stack(Attention(), Attention()))
    zeros = (
        *("unscaled_scores", "softmax_over_queries", "repeated_softmax", "mask_after_softmax"),
        *("mask_value_unsafe", "scrambled_heads", "eval_dropout", "unregistered_parameters"),
    )
    for site in ("layers.0", "layers.1"):
        assert {name: value(result, name, site) for name in zeros} == dict.fromkeys(zeros, 0)
        assert value(result, "has_residual", site) == 1
        assert value(result, "has_normalisation", site) == 0


def test_a_chain_is_as_long_as_its_longest_path() -> None:
    assert value(found_in(Stack(*(Attention() for _ in range(3)))), "stacked_self_attention") == 3
    assert value(found_in(SideBySide()), "stacked_self_attention") == 2
    assert value(found_in(nn.Linear(WIDTH, WIDTH)), "stacked_self_attention") == 0


def test_share_of_causal_attentions_counts_sites() -> None:
    layers = (Attention(is_causal=True), Attention(), Attention(is_causal=True))
    assert value(found_in(Stack(*layers)), "causal_self_attention_share") == pytest.approx(2 / 3)
    assert reason(found_in(nn.Linear(WIDTH, WIDTH)), "causal_self_attention_share") == (
        "the model has no self-attention over more than one token"
    )


def test_dropout_is_given_with_its_probability_and_only_in_evaluation_mode() -> None:
    model = Stack(Attention(dropout=0.25), Attention())
    result = found_in(model)
    assert value(result, "eval_dropout", "layers.0") == 0.25
    assert value(result, "eval_dropout", "layers.1") == 0
    assert reason(found_in(model, train=True), "eval_dropout", "layers.0") == "the scan ran in training mode"


@pytest.mark.parametrize(("scale", "expected"), [(None, 0), (0.3, 0), (1.0, 1)])
def test_only_a_kernel_with_scale_one_is_unscaled(scale: float | None, expected: int) -> None:
    assert value(found_in(Stack(Attention(scale=scale))), "unscaled_scores", "layers.0") == expected


@pytest.mark.parametrize("backward", [True, False])
def test_weights_in_a_plain_list_are_counted_by_tensor(backward: bool) -> None:
    result = found_in(Stack(LooseWeights()), backward=backward)
    assert value(result, "unregistered_parameters", "layers.0") == 4


def test_what_cannot_be_told_has_a_reason() -> None:
    result = found_in(Attention())
    for metric in ("has_residual", "has_normalisation"):
        assert "could not be followed" in reason(result, metric, "(model)")
