"""Token uniformity against the definitions written out token by token."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from attnprobe.probes.representations.uniformity import UniformityWatcher, rank_share
from attnprobe.probes.token_uniformity import probe
from attnprobe.records import ProbeResult
from tests.probes.hidden_states import show, stream, subject_of


def measured(*streams: object, watcher: UniformityWatcher) -> ProbeResult:
    return probe.run(subject_of(*streams, token_uniformity=watcher))  # type: ignore[arg-type]


def value(result: ProbeResult, metric: str, site: str = "h.0.attn") -> float:
    (found,) = [m.value for m in result.measurements if (m.metric, m.site) == (metric, site)]
    assert found is not None
    return float(found)


def reason(result: ProbeResult, metric: str, site: str = "h.0.attn") -> str:
    (found,) = [m.reason for m in result.not_measured if (m.metric, m.site) == (metric, site)]
    return found


def watched(*batches: tuple[Tensor, Tensor | None]) -> UniformityWatcher:
    watcher = UniformityWatcher(frozenset())
    for states, real in batches:
        show(watcher, real=real, samples=states.shape[0], entry=states)
    return watcher


def naive(batches: list[tuple[Tensor, Tensor]]) -> tuple[float, float, float]:
    """Residual, cosine and largest activation, one token after another."""
    left = total = largest = 0.0
    cosines = []
    for states, real in batches:
        for sample, keep in zip(states.double(), real, strict=True):
            tokens = [token for token, is_real in zip(sample, keep.tolist(), strict=True) if is_real]
            if len(tokens) < 2:
                continue
            mean = torch.stack(tokens).mean(0)
            left += sum(float(((t - mean) ** 2).sum()) for t in tokens)
            total += sum(float((t**2).sum()) for t in tokens)
            largest = max(largest, *(float(t.abs().max()) for t in tokens))
            pairs = [float(a @ b / (a.norm() * b.norm())) for a in tokens for b in tokens if a is not b]
            cosines.append(sum(pairs) / len(pairs))
    return (left / total) ** 0.5, sum(cosines) / len(cosines), largest


@settings(max_examples=30, deadline=None)
@given(
    st.integers(1, 3), st.integers(2, 19), st.integers(1, 7), st.booleans(), st.integers(0, 10**6),
    st.sampled_from([torch.float32, torch.float16]),
)  # fmt: skip
def test_residual_and_cosine_are_those_of_the_definitions(
    samples: int, length: int, width: int, has_padding: bool, seed: int, dtype: torch.dtype
) -> None:
    generator = torch.Generator().manual_seed(seed)
    batches = []
    for _ in range(2):
        states = (torch.randn(samples, length, width, generator=generator) + 0.3).to(dtype)
        counts = torch.randint(2, length + 1, (samples, 1), generator=generator)
        real = torch.arange(length) < (counts if has_padding else length)
        batches.append((states, real.expand(samples, -1)))
    watcher = watched(*[(states, real if has_padding else None) for states, real in batches])
    result = measured(stream(), watcher=watcher)
    residual, cosine, largest = naive(batches)
    assert value(result, "rank_one_residual") == pytest.approx(residual, abs=1e-5)
    assert value(result, "mean_token_cosine") == pytest.approx(cosine, abs=1e-5)
    kept = watcher.sums.get(0, "entry largest")
    assert kept is not None
    assert float(kept) == pytest.approx(largest, rel=1e-6)


def test_two_batches_merge_into_what_one_pass_sees() -> None:
    states = torch.randn(4, 9, 5, generator=torch.Generator().manual_seed(0))
    first, second, both = (
        watched((states[:1], None)), watched((states[1:], None)), watched((states, None)),
    )  # fmt: skip
    first.merge(second)
    one, other = measured(stream(), watcher=first), measured(stream(), watcher=both)
    for mine, theirs in zip(one.measurements, other.measurements, strict=True):
        assert mine.value == pytest.approx(theirs.value, rel=1e-6)


def test_tokens_that_are_all_the_same_leave_no_residual_and_no_rank() -> None:
    states = torch.tensor([3.0, -4.0]).expand(2, 6, 2)
    result = measured(stream(), watcher=watched((states, None)))
    assert value(result, "rank_one_residual") < 1e-6
    assert value(result, "mean_token_cosine") == pytest.approx(1.0, abs=1e-6)
    assert "rounding" in reason(result, "representation_effective_rank")


def test_opposite_tokens_are_all_residual() -> None:
    states = torch.tensor([[[1.0, 2.0], [-1.0, -2.0]]])
    result = measured(stream(), watcher=watched((states, None)))
    assert value(result, "rank_one_residual") == pytest.approx(1.0)
    assert value(result, "mean_token_cosine") == pytest.approx(-1.0)


def test_effective_rank_of_two_equal_directions_is_two() -> None:
    # Centred already: ±e1, ±e2 have two singular values √2, so exp(entropy) = 2, over 4 tokens.
    tokens = torch.tensor([[[1.0, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0]]])
    assert float(rank_share(tokens, torch.ones(1, 4, dtype=torch.bool))) == pytest.approx(2 / 4)


def test_effective_rank_ignores_padding() -> None:
    tokens = torch.tensor([[[1.0, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0], [9, 9, 9]]])
    valid = torch.tensor([[True, True, True, True, False]])
    assert float(rank_share(tokens, valid)) == pytest.approx(2 / 4)


def test_largest_activation_is_held_against_the_median() -> None:
    states = torch.full((1, 10, 10), 2.0)
    states[0, 0, 0] = -500.0
    result = measured(stream(), watcher=watched((states, None)))
    assert value(result, "largest_activation_ratio") == pytest.approx(250, rel=0.012)


def test_padding_changes_nothing() -> None:
    states = torch.randn(2, 8, 4, generator=torch.Generator().manual_seed(1))
    real = torch.arange(8)[None] < torch.tensor([[5], [5]])
    padded = states.masked_fill(~real[..., None], 1e4)
    one = measured(stream(), watcher=watched((padded, real)))
    other = measured(stream(), watcher=watched((states[:, :5], None)))
    for mine, theirs in zip(one.measurements, other.measurements, strict=True):
        assert mine.value == pytest.approx(theirs.value, rel=1e-6)


@pytest.mark.parametrize("length", [7, 131])
def test_every_layout_holds_the_same_tokens(length: int) -> None:
    states = torch.randn(2, length, 6, generator=torch.Generator().manual_seed(2))
    one = measured(stream(), watcher=watched((states, None)))
    for other_layout in (states.transpose(0, 1), states.reshape(-1, 6)):
        watcher = UniformityWatcher(frozenset())
        show(watcher, entry=other_layout, samples=2)
        other = measured(stream(), watcher=watcher)
        for mine, theirs in zip(one.measurements, other.measurements, strict=True):
            assert mine.value == pytest.approx(theirs.value, rel=1e-6)


def test_ratio_is_against_the_first_layer_and_the_model_has_the_last_exit() -> None:
    # Residuals: tokens (1, ±1) have √(2/4); (3, ±1) have √(2/20); (7, ±1) have √(2/100).
    watcher = UniformityWatcher(frozenset({1}))
    for site, common in ((0, 1.0), (1, 3.0)):
        states = torch.tensor([[[common, 1.0], [common, -1.0]]])
        show(watcher, site=site, samples=1, entry=states, exit=torch.tensor([[[7.0, 1.0], [7.0, -1.0]]]))
    result = measured(stream(), stream(), watcher=watcher)
    assert value(result, "rank_one_residual_ratio", "h.1.attn") == pytest.approx((2 / 20 / (2 / 4)) ** 0.5)
    assert value(result, "rank_one_residual", "") == pytest.approx((2 / 100) ** 0.5)
    assert value(result, "smallest_rank_one_residual", "") == pytest.approx((2 / 100) ** 0.5)


def test_hidden_states_that_are_not_known_are_a_listed_gap() -> None:
    result = measured(stream(entry=None), watcher=UniformityWatcher(frozenset()))
    assert "could not be told" in reason(result, "rank_one_residual")


def test_a_single_token_has_no_uniformity() -> None:
    result = measured(stream(), watcher=watched((torch.ones(2, 1, 3), None)))
    assert "two tokens" in reason(result, "mean_token_cosine")


def test_infinite_activations_are_a_listed_gap() -> None:
    states = torch.ones(1, 4, 2)
    states[0, 0, 0] = torch.inf
    result = measured(stream(), watcher=watched((states, None)))
    assert "nan" in reason(result, "rank_one_residual")
