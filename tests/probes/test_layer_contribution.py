"""What an attention adds to the stream, against hand-made numbers."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from attnprobe.probes.layer_contribution import probe
from attnprobe.probes.representations.branches import BranchWatcher
from attnprobe.records import ProbeResult
from tests.probes.hidden_states import show, stream, subject_of


def numbers(result: ProbeResult) -> dict[str, float]:
    return {m.metric: float(m.value) for m in result.measurements if m.value is not None}


def test_ratio_and_cosine_of_a_right_angle() -> None:
    watcher = BranchWatcher()
    entry = torch.tensor([[[3.0, 4.0], [0.0, 5.0]]])
    branch = torch.tensor([[[4.0, -3.0], [0.0, 2.5]]])  # at a right angle, and along
    show(watcher, samples=1, entry=entry, branch=branch)
    found = numbers(probe.run(subject_of(stream(), layer_contribution=watcher)))
    assert found["residual_branch_ratio"] == pytest.approx(((25 + 6.25) / (25 + 25)) ** 0.5)
    assert found["residual_branch_cosine"] == pytest.approx((0 + 1) / 2)


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 3), st.integers(1, 21), st.integers(1, 8), st.integers(0, 10**6))
def test_numbers_are_those_of_the_definitions_over_real_tokens(
    samples: int, length: int, width: int, seed: int
) -> None:
    generator = torch.Generator().manual_seed(seed)
    watcher, before, added, cosines = BranchWatcher(), 0.0, 0.0, []
    for _ in range(2):
        entry, branch = torch.randn(2, samples, length, width, generator=generator)
        real = torch.arange(length) < torch.randint(1, length + 1, (samples, 1), generator=generator)
        show(watcher, samples=samples, real=real, entry=entry, branch=branch)
        for b, t in real.nonzero().tolist():
            x, y = entry[b, t].double(), branch[b, t].double()
            before, added = before + float(x @ x), added + float(y @ y)
            cosines.append(float(x @ y / (x.norm() * y.norm())))
    found = numbers(probe.run(subject_of(stream(), layer_contribution=watcher)))
    assert found["residual_branch_ratio"] == pytest.approx((added / before) ** 0.5, abs=1e-5, rel=1e-5)
    assert found["residual_branch_cosine"] == pytest.approx(sum(cosines) / len(cosines), abs=1e-5)


def test_an_idle_layer_adds_exactly_nothing() -> None:
    watcher = BranchWatcher()
    show(watcher, entry=torch.ones(2, 3, 4), branch=torch.zeros(2, 3, 4))
    result = probe.run(subject_of(stream(), layer_contribution=watcher))
    assert numbers(result) == {"residual_branch_ratio": 0.0}
    assert [m.reason for m in result.not_measured] == ["it adds nothing to any token"]


def test_without_a_residual_connection_nothing_is_added_to_anything() -> None:
    result = probe.run(subject_of(stream(has_residual=False), layer_contribution=BranchWatcher()))
    assert not result.measurements
    assert all("no residual connection" in m.reason for m in result.not_measured)


def test_a_branch_that_is_not_known_is_a_listed_gap() -> None:
    result = probe.run(subject_of(stream(branch=None), layer_contribution=BranchWatcher()))
    assert {m.reason for m in result.not_measured} == {"what it gives back could not be told"}
