"""Linear recoverability, against a regression on the tokens themselves."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from attnprobe.probes.recoverability import probe
from attnprobe.probes.representations.regression import RecoverabilityWatcher, half_of_tokens, projected
from attnprobe.records import ProbeResult
from tests.probes.hidden_states import show, stream, subject_of


def watched(entry: Tensor, exit_: Tensor, *, real: Tensor | None = None) -> RecoverabilityWatcher:
    watcher = RecoverabilityWatcher((True,), seed=0)
    show(watcher, samples=entry.shape[0], real=real, entry=entry, exit=exit_)
    return watcher


def share(watcher: RecoverabilityWatcher) -> float:
    (found,) = result(watcher).measurements
    assert found.value is not None
    return float(found.value)


def result(watcher: RecoverabilityWatcher) -> ProbeResult:
    return probe.run(subject_of(stream(), recoverability=watcher))


def naive(entry: Tensor, exit_: Tensor, real: Tensor) -> float:
    """Ridge with an intercept on standardised regressors, token by token, both ways."""
    half = half_of_tokens(*real.shape)
    shares = []
    for own in (0, 1):
        fit, judge = real & (half == own), real & (half == 1 - own)
        x, y = exit_[fit].double(), entry[fit].double()
        deviation = x.std(0, correction=0)
        z = (x - x.mean(0)) / deviation
        ridge = z.mT @ z / len(z) + 0.01 * torch.eye(z.shape[1], dtype=torch.float64)
        weights = torch.linalg.solve(ridge, z.mT @ (y - y.mean(0)) / len(z))
        truth = entry[judge].double()
        guess = (exit_[judge].double() - x.mean(0)) / deviation @ weights + y.mean(0)
        errors = (truth - guess).square().sum(0)
        shares.append(float((1 - errors / (truth - truth.mean(0)).square().sum(0)).mean()))
    return sum(shares) / 2


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 4), st.integers(96, 201), st.integers(1, 4), st.integers(0, 10**6))
def test_share_is_that_of_a_regression_on_the_tokens(
    samples: int, length: int, width: int, seed: int
) -> None:
    generator = torch.Generator().manual_seed(seed)
    entry = torch.randn(samples, length, width, generator=generator) + 0.5
    exit_ = torch.tanh(entry @ torch.randn(width, width, generator=generator)) + entry * 0.1
    exit_ += 0.3 * torch.randn(exit_.shape, generator=generator)
    real = torch.arange(length) < torch.randint(90, length + 1, (samples, 1), generator=generator)
    found = share(watched(entry, exit_, real=real))
    assert found == pytest.approx(naive(entry, exit_, real), abs=1e-5)


def test_a_rotation_loses_nothing_and_noise_keeps_nothing() -> None:
    generator = torch.Generator().manual_seed(0)
    entry = torch.randn(2, 400, 8, generator=generator)
    rotation, _ = torch.linalg.qr(torch.randn(8, 8, generator=generator))
    noise = torch.randn(2, 400, 8, generator=generator)
    assert share(watched(entry, entry @ rotation)) > 0.999
    assert share(watched(entry, noise)) < 0.05


def test_half_of_the_dims_erased_is_half_of_the_share() -> None:
    entry = torch.randn(2, 800, 8, generator=torch.Generator().manual_seed(1))
    exit_ = entry * torch.tensor([1.0] * 4 + [0.0] * 4)
    assert share(watched(entry, exit_)) == pytest.approx(0.5, abs=0.02)


def test_wide_states_pass_one_projection_with_orthogonal_rows() -> None:
    matrix = projected(torch.eye(700), seed=3).mT  # [256, 700]
    gram = matrix @ matrix.mT
    assert matrix.shape == (256, 700)
    assert torch.equal(gram, torch.diag(gram.diagonal()))
    assert gram.diagonal().tolist() == matrix.abs().sum(1).tolist()  # signs: 2 or 3 dims in each sum
    assert sorted(set(gram.diagonal().tolist())) == [2.0, 3.0]


def test_two_passes_merge_into_one() -> None:
    generator = torch.Generator().manual_seed(4)
    entry, exit_ = torch.randn(2, 4, 200, 5, generator=generator)
    first, second = watched(entry[:2], exit_[:2]), watched(entry[2:], exit_[2:])
    first.merge(second)
    assert share(first) == pytest.approx(share(watched(entry, exit_)), abs=1e-6)


def test_too_few_tokens_are_a_listed_gap() -> None:
    states = torch.randn(1, 100, 16)
    (gap,) = result(watched(states, states)).not_measured
    assert gap.reason == "100 tokens are too few for 16 dims; it needs 128"


def test_states_that_are_not_known_are_a_listed_gap() -> None:
    subject = subject_of(stream(entry=None), recoverability=RecoverabilityWatcher((True,), seed=0))
    (gap,) = probe.run(subject).not_measured
    assert "could not be told" in gap.reason


@pytest.mark.parametrize("has_residual", [True, False])
def test_without_an_exit_the_branch_stands_for_it(has_residual: bool) -> None:
    entry = torch.randn(2, 100, 3, generator=torch.Generator().manual_seed(5))
    watcher = RecoverabilityWatcher((has_residual,), seed=0)
    show(watcher, entry=entry, branch=-entry + 1e-3 * torch.randn(entry.shape))
    found = share(watcher)
    assert found > 0.99 if not has_residual else found < 0.9
