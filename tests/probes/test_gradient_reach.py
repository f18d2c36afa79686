"""How far back a gradient reaches: shares and distances of gradients that are given."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from attnprobe.observing.calls import AttentionCall, Batch
from attnprobe.probes.gradient_flow.reach_watcher import Reach
from attnprobe.probes.gradient_reach import METRICS, probe
from attnprobe.records import ProbeResult, Subject
from sample_models import windowed_gpt
from tests.probes.gradient_models import Attention
from tests.probes.gradient_runs import reason, run, subject_of, value

SITE = "0"
LENGTH = 8


def subject() -> Subject:
    return subject_of(nn.Sequential(Attention(4, 2)), torch.randn(1, LENGTH, 4))


def gradient(norms: list[float]) -> Tensor:
    """[1, S, 2] whose tokens have these norms."""
    return torch.tensor([[[0.6 * norm, 0.8 * norm] for norm in norms]])


def shown(
    watcher: Reach, to: Subject, norms: list[float], position: int, *, is_causal: bool = True, **call: Tensor
) -> None:
    assert to.model is not None
    output = torch.zeros(1, len(norms), 3) if position >= 0 else torch.zeros(1, 3)
    batch = Batch(number=0, model=to.model, main_output=output)
    site = replace(to.trace.sites[0], is_causal=is_causal)
    watcher.reach(
        AttentionCall(site=site, index=0, batch=batch, **call),  # type: ignore[arg-type]
        gradient(norms),
        torch.tensor([position]),
    )


def result_of(to: Subject, watcher: Reach) -> ProbeResult:
    return probe.run(replace(to, watched={"gradient_reach": watcher}))


def measured(norms: list[float], position: int, **others: object) -> ProbeResult:
    to = subject()
    watcher = Reach(to.trace)
    shown(watcher, to, norms, position, **others)  # type: ignore[arg-type]
    return result_of(to, watcher)


def test_shares_and_distances_are_those_derived_by_hand() -> None:
    # distances from the last token: 7 6 5 4 3 2 1 0; total 20
    result = measured([4, 0, 1, 1, 2, 2, 2, 8], 7)
    assert value(result, "gradient_beyond_half", SITE) == pytest.approx(5 / 20)  # distances 5, 6, 7
    assert value(result, "gradient_beyond_quarter", SITE) == pytest.approx(8 / 20)  # from 3 on
    # 4·7 + 1·5 + 1·4 + 2·3 + 2·2 + 2·1
    assert value(result, "gradient_distance", SITE) == pytest.approx(49 / 20)
    # 8 10 12 14 15 16 16 20 within 0 … 7: 90 % is 18
    assert value(result, "gradient_distance_90", SITE) == 7
    assert value(result, "gradient_first_to_last_tokens", SITE) == pytest.approx(4 / 8)
    assert value(result, "first_tokens_influence", SITE) == pytest.approx((6 / 4) / (20 / 8))
    assert value(result, "unreached_position_share", SITE) == pytest.approx(1 / 8)
    assert value(result, "unreached_position_share") == pytest.approx(1 / 8)


def test_what_a_causal_model_cannot_see_does_not_count() -> None:
    result = measured([1, 1, 1, 1, 0, 0, 0, 0], 3)
    assert value(result, "unreached_position_share", SITE) == 0
    assert value(measured([1, 1, 1, 1, 0, 0, 0, 0], 3, is_causal=False), "unreached_position_share") == 0.5


def test_padding_does_not_count() -> None:
    real = torch.tensor([[True] * 4 + [False] * 4])
    result = measured([1, 1, 1, 1, 0, 0, 0, 0], 3, is_causal=False, query_tokens=real)
    assert value(result, "unreached_position_share", SITE) == 0


def test_tiny_gradients_keep_their_shares() -> None:
    result = measured([norm * 1e-30 for norm in (4, 0, 1, 1, 2, 2, 2, 8)], 7)
    assert value(result, "gradient_distance", SITE) == pytest.approx(49 / 20, rel=1e-5)


def test_an_output_without_positions_has_influences_but_no_distances() -> None:
    result = measured([4, 0, 1, 1, 2, 2, 2, 8], -1)
    assert value(result, "unreached_position_share", SITE) == pytest.approx(1 / 8)
    assert reason(result, "gradient_distance", SITE) == "the output has no positions"


def test_another_sequence_than_that_of_the_output_is_a_gap() -> None:
    to = subject()
    watcher = Reach(to.trace)
    assert to.model is not None
    batch = Batch(number=0, model=to.model, main_output=torch.zeros(1, 5, 3))
    call = AttentionCall(site=to.trace.sites[0], index=0, batch=batch)
    watcher.reach(call, gradient([1.0] * LENGTH), torch.tensor([4]))
    result = result_of(to, watcher)
    assert reason(result, METRICS[0].name) == "its tokens are not those of the output"


def test_samples_of_several_batches_and_lengths_merge_to_their_mean() -> None:
    to = subject()
    one, two, both = (Reach(to.trace) for _ in range(3))
    for watcher in (one, both):
        shown(watcher, to, [1, 1, 1, 1], 3)
    for watcher in (two, both):
        shown(watcher, to, [0, 0, 1, 1, 1, 1, 1, 1], 7)
    one.merge(two)
    for metric in METRICS:
        merged, whole = (value(result_of(to, w), metric.name, SITE) for w in (one, both))
        assert merged == pytest.approx(whole)
    assert value(result_of(to, one), "unreached_position_share", SITE) == pytest.approx((0 + 2 / 8) / 2)


def test_two_layers_with_windows_of_six_reach_ten_tokens_back() -> None:
    # the last of 24 tokens, each layer sees itself and five before: 11 positions are reached, 13 are not;
    # the second layer starts from states of which the last reads six: 18 are not reached
    model, ids = windowed_gpt.build_model(), windowed_gpt.example_inputs()
    result = run(subject_of(model, ids, loss=windowed_gpt.loss), probe)
    assert value(result, "unreached_position_share") == pytest.approx(13 / 24)
    assert value(result, "unreached_position_share", "blocks.1.attention") == pytest.approx(18 / 24)
    assert value(result, "gradient_beyond_half", "blocks.0.attention") == 0


def test_shares_are_those_of_the_gradient_that_autograd_gives() -> None:
    torch.manual_seed(0)
    model, inputs = nn.Sequential(Attention(16, 4)), torch.randn(1, 9, 16, requires_grad=True)
    subject = subject_of(model, inputs, loss=lambda out, _: out.sum())
    seen: list[tuple[Tensor, Tensor]] = []

    class Spy(Reach):
        def reach(self, call: AttentionCall, gradient: Tensor, position: Tensor) -> None:
            seen.append((gradient.detach().clone(), position))
            super().reach(call, gradient, position)

    spied = replace(probe, watch=lambda _: Spy(subject.trace))
    result = run(subject, spied)
    ((gradient, position),) = seen
    direction = torch.randn(16, generator=torch.Generator().manual_seed(0))  # as the run draws it
    (expected,) = torch.autograd.grad(model(inputs)[0, int(position)] @ direction, inputs)
    torch.testing.assert_close(gradient, expected)
    norms = expected[0].norm(dim=-1)
    distance = (torch.arange(9) - int(position)).abs()
    mean = float((norms * distance).sum() / norms.sum())
    assert value(result, "gradient_distance", SITE) == pytest.approx(mean, rel=1e-5)
