"""Remedies tried on a copy: what they do is checked against the same change written into the model."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from attnprobe.borrowing import borrowed
from attnprobe.probes.gradient_flow.changing import changed
from attnprobe.probes.gradient_flow.remedy_choice import (
    Change,
    changes,
    deepnorm_constants,
    symptoms,
    t_fixup_scale,
)
from attnprobe.probes.gradient_flow.trials import steps
from attnprobe.probes.remedies import probe
from attnprobe.records import ProbeResult, Remedy, ScanOptions, Stream, Subject
from tests.probes.gradient_models import Attention, Stack, next_token_loss, token_ids
from tests.probes.gradient_runs import reason, subject_of, value

FORCED = ScanOptions(target="model.py", probes=("remedies",))
LAYERS = 4


def stacked(model: nn.Module, *, has_residual: bool, norm: str, forced: bool = True) -> Subject:
    """A subject whose streams are as told."""
    options = FORCED if forced else None
    subject = subject_of(model, token_ids(), loss=next_token_loss, options=options)
    stream = Stream(
        entry=None,
        read=None,
        branch=None,
        exit=None,
        has_residual=has_residual,
        norm=norm,  # type: ignore
    )
    return replace(subject, trace=replace(subject.trace, streams=(stream,) * len(subject.trace.sites)))


def tried(subject: Subject) -> ProbeResult:
    assert subject.model is not None
    with borrowed(subject.model.module, train=False):
        return probe.run(subject)


def chain() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(*(Attention(16, 4) for _ in range(LAYERS)))


def change_of(name: str) -> Change:
    return Change(name, "", tuple(range(LAYERS)))


def written_out(name: str, layers: nn.Sequential, x: Tensor) -> Tensor:
    for layer in layers:
        normal = F.layer_norm(x, (16,))
        x = {
            "residual": lambda x=x, layer=layer: x + layer(x),
            "pre_normalisation": lambda layer=layer, normal=normal: layer(normal),
            "pre_norm_residual": lambda x=x, layer=layer, normal=normal: x + layer(normal),
            "scaled_residual": lambda x=x, layer=layer: layer(x) / LAYERS**0.5,
        }[name]()
    return x


@pytest.mark.parametrize("name", ["residual", "pre_normalisation", "pre_norm_residual", "scaled_residual"])
def test_a_change_round_the_attention_is_the_same_change_written_out(name: str) -> None:
    model, inputs = chain(), torch.randn(2, 5, 16)
    trace = subject_of(model, inputs).trace
    copy, plain = deepcopy(model), model(inputs)
    with changed(copy, model, trace, change_of(name), seed=0):
        torch.testing.assert_close(copy(inputs), written_out(name, model, inputs))
    assert torch.equal(copy(inputs), plain)


def test_fresh_weights_have_the_spread_of_their_formula_and_go_again() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(*(Attention(64, 4, 2) for _ in range(LAYERS)))
    trace = subject_of(model, torch.randn(2, 5, 64)).trace
    copy = deepcopy(model)
    before = [parameter.clone() for parameter in copy.parameters()]
    with changed(copy, model, trace, change_of("t_fixup_init"), seed=0):
        weights = {
            n: torch.cat([getattr(layer, f"{n}_proj").weight.flatten() for layer in copy]) for n in "qkvo"
        }
        # q 64 x 64: √(2 / 128); k, v 32 x 64: √(2 / 96); v and o times 0.67 · 4^(-1/4)
        expected = {"q": 128, "k": 96, "v": 96, "o": 128}
        for name, fans in expected.items():
            factor = 0.67 * 4**-0.25 if name in "vo" else 1
            assert weights[name].std().item() == pytest.approx(factor * (2 / fans) ** 0.5, rel=0.05)
    assert all(torch.equal(a, b) for a, b in zip(before, copy.parameters(), strict=True))


def test_the_constants_are_those_of_the_papers() -> None:
    # DeepNorm, 24 layers: α = 48^(1/4), β = 192^(-1/4). T-Fixup, 16: 0.67 / 2, and (9 · 16)^(-1/4)
    assert deepnorm_constants(24) == pytest.approx((2.63215, 0.26864), rel=1e-4)
    assert t_fixup_scale(16, is_decoder=False) == pytest.approx(0.335)
    assert t_fixup_scale(16, is_decoder=True) == pytest.approx(144**-0.25)


class PostNorm(nn.Module):
    def __init__(self, factor: float = 1.0) -> None:
        super().__init__()
        self.attention, self.factor = Attention(16, 4), factor

    def forward(self, x: Tensor) -> Tensor:
        return F.layer_norm(self.factor * x + self.attention(x), (16,))


def test_deepnorm_weighs_the_residual_as_written_out() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(*(PostNorm() for _ in range(LAYERS)))
    heavy = nn.Sequential(*(PostNorm(deepnorm_constants(LAYERS)[0]) for _ in range(LAYERS)))
    inputs = torch.randn(2, 5, 16)
    trace, copy = subject_of(model, inputs).trace, deepcopy(model)
    with changed(copy, model, trace, change_of("deepnorm"), seed=0):
        heavy.load_state_dict(copy.state_dict())
        torch.testing.assert_close(copy(inputs), heavy(inputs), rtol=1e-4, atol=1e-4)  # ε of the norm


def by_name(result: ProbeResult, metric: str) -> dict[str, Remedy]:
    return {remedy.name: remedy for remedy in result.remedies if remedy.metric == metric}


def test_fresh_weights_feed_starved_queries_and_keys() -> None:
    model = Stack(LAYERS, std=0.002)
    result = tried(stacked(model, has_residual=True, norm="pre"))
    found = by_name(result, "query_key_gradient_ratio")
    assert set(found) == {"scaled_residual", "xavier_init", "t_fixup_init"}
    remedy = found["xavier_init"]
    assert remedy.before is not None
    assert remedy.after is not None
    assert remedy.before < 1e-3
    assert remedy.after > 100 * remedy.before
    assert remedy.sites == tuple(f"blocks.{i}.attention" for i in range(LAYERS))
    assert value(result, "remedies_tried") == 3


class Tower(nn.Module):
    """Attention alone, layer upon layer, without residuals: tokens become the same."""

    def __init__(self, layers: int) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.tokens, self.head = nn.Embedding(50, 16), nn.Linear(16, 50)
        self.layers = nn.Sequential(*(Attention(16, 4) for _ in range(layers)))

    def forward(self, ids: Tensor) -> Tensor:
        return self.head(self.layers(self.tokens(ids)))


def test_a_residual_keeps_tokens_apart_and_feeds_queries_and_keys_again() -> None:
    subject = subject_of(Tower(8), token_ids(), loss=next_token_loss, options=FORCED)
    assert {stream.has_residual for stream in subject.trace.streams} == {False}
    result = tried(subject)
    alike = by_name(result, "mean_token_cosine")["residual"]
    assert alike.before == pytest.approx(1, abs=1e-3)
    assert alike.after is not None
    assert alike.after < 0.9
    fed = by_name(result, "query_key_gradient_ratio")["residual"]
    assert fed.before is not None
    assert fed.after is not None
    assert fed.after > 1e3 * fed.before


def test_an_unknown_residual_is_not_taken_for_a_missing_one() -> None:
    trace = subject_of(chain(), torch.randn(2, 5, 16)).trace
    stream = Stream(entry=None, read=None, branch=None, exit=None, has_residual=None, norm="pre")
    names = {change.name for change in changes(replace(trace, streams=(stream,) * LAYERS))}
    assert names == {"xavier_init", "t_fixup_init"}


def test_the_model_itself_stays_as_it_was() -> None:
    model = Stack(LAYERS, residual=False)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    rng = torch.get_rng_state()
    result = tried(stacked(model, has_residual=False, norm="none"))
    assert {"residual", "pre_normalisation", "pre_norm_residual"} <= {r.name for r in result.remedies}
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())
    assert not any(part._forward_hooks or part._forward_pre_hooks for part in model.modules())
    assert torch.equal(torch.get_rng_state(), rng)


def test_a_healthy_model_is_left_alone_unless_asked_for() -> None:
    subject = stacked(Stack(LAYERS), has_residual=True, norm="pre", forced=False)
    subject.known = {("query_key_gradient_ratio", ""): 0.1}
    result = tried(subject)
    assert not result.remedies
    assert reason(result, "remedies_tried").startswith("nothing that was measured is a reason to")


def test_a_slow_step_is_not_repeated_unless_asked_for() -> None:
    subject = stacked(Stack(LAYERS), has_residual=True, norm="pre", forced=False)
    subject.known = {
        ("query_key_gradient_ratio", ""): 1e-9,
        ("forward_ms", ""): 800.0,
        ("backward_ms", ""): 900.0,
    }
    assert reason(tried(subject), "remedies_tried").startswith("a step takes about 1.7 s")


def test_reasons_are_numbers_outside_of_what_healthy_models_show() -> None:
    healthy = {("query_key_gradient_ratio", ""): 0.01, ("largest_logit", ""): 20.0}
    assert symptoms(healthy, "last") == ()
    assert len(symptoms({**healthy, ("value_output_gradient_first_to_last", ""): 1e-3}, "last")) == 1
    assert len(symptoms({("mean_token_cosine", "last"): 0.95, ("largest_logit", ""): 200.0}, "last")) == 2


def test_without_streams_only_weights_are_changed() -> None:
    trace = subject_of(chain(), torch.randn(2, 5, 16)).trace
    names = {change.name for change in changes(replace(trace, streams=()))}
    assert names == {"xavier_init", "t_fixup_init"}


def test_clipping_shortens_the_longest_step_by_hand() -> None:
    # loss Σ x · w, so the gradients are 1, 1 and 10 long; w is 1 long, the typical norm 1:
    # rate 1e-3, steps of 1e-3, 1e-3 and 1e-2; clipped at 1 none is longer than 1e-3
    model = nn.Linear(2, 1, bias=False)
    with torch.no_grad():
        model.weight.copy_(torch.tensor([[1.0, 0.0]]))
    one, large = torch.tensor([[0.6, 0.8]]), torch.tensor([[6.0, 8.0]])
    subject = subject_of(model, one, loss=lambda out, _: out.sum(), batches=[(one,), (large,)])
    free = steps(subject, deepcopy(model), 1.0, None)
    clipped = steps(subject, deepcopy(model), 1.0, 1.0)
    assert free.largest == pytest.approx(1e-2, rel=1e-5)
    assert clipped.largest == pytest.approx(1e-3, rel=1e-5)
    # the mean x is 4 · (0.6, 0.8); w moves by -1e-3 · 12 of (0.6, 0.8), clipped by -1e-3 · 3 of it
    assert free.loss_before == pytest.approx(2.4)
    assert free.loss_after - free.loss_before == pytest.approx(-4 * 12e-3, rel=1e-4)
    assert clipped.loss_after - clipped.loss_before == pytest.approx(-4 * 3e-3, rel=1e-4)


def test_clipping_is_tried_where_the_norm_has_spikes() -> None:
    model = Stack(LAYERS)
    batches = [(token_ids(seed),) for seed in (1, 2)]
    subject = subject_of(model, token_ids(), loss=next_token_loss, batches=batches)
    subject.known = {("gradient_norm_largest_to_median", ""): 5.0, ("suggested_clip_norm", ""): 0.5}
    result = tried(subject)
    assert set(by_name(result, "largest_descent_step")) == {"gradient_clipping"}
    assert value(result, "descent_loss_change") < 0
    remedy = by_name(result, "largest_descent_step")["gradient_clipping"]
    assert remedy.after == pytest.approx(1e-3, rel=1e-3)
