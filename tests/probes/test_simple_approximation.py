"""Maps that do not read the content."""

from __future__ import annotations

import pytest
import torch

from attnprobe.probes.simple_approximation import probe
from tests.probes.given_maps import call_of, gap, look, number, site, written

LENGTH = 12


def result_of(*samples: torch.Tensor):  # type: ignore[no-untyped-def]
    weights = torch.stack(samples)[:, None]  # [N, 1, L, S]
    values = torch.eye(LENGTH).expand(len(samples), 1, LENGTH, LENGTH)
    of = site(q_len=LENGTH, kv_len=LENGTH)
    return look(probe, call_of(written(weights.tolist()), of, value=values, group_of_head=(0,)))


def scrambled(seed: int) -> torch.Tensor:
    """Each query at a key of its own, in an order drawn at random."""
    return torch.eye(LENGTH)[torch.randperm(LENGTH, generator=torch.Generator().manual_seed(seed))]


def test_uniform_attention_loses_nothing_as_a_mean() -> None:
    result = result_of(*[torch.full((LENGTH, LENGTH), 1 / LENGTH)] * 2)
    assert number(result, "uniform_error") == pytest.approx(0.0, abs=1e-6)
    assert "uniform" in gap(result, "key_position_share")


def test_a_selecting_head_loses_nearly_all_as_a_mean() -> None:
    # Values are unit vectors: ‖e_j - 1/12‖² = 11/12 of 1.
    assert number(result_of(scrambled(0), scrambled(1)), "uniform_error") == pytest.approx((11 / 12) ** 0.5)


def test_a_head_that_reads_one_position_is_told_by_it() -> None:
    first = torch.eye(LENGTH)[torch.zeros(LENGTH, dtype=torch.long)]
    result = result_of(first, first)
    assert number(result, "key_position_share") == pytest.approx(1.0, abs=1e-5)
    assert number(result, "constant_map_share") == pytest.approx(1.0, abs=1e-5)


def test_a_map_that_never_changes_is_constant_though_no_position_tells_it() -> None:
    result = result_of(scrambled(0), scrambled(0), scrambled(0))
    assert number(result, "constant_map_share") == pytest.approx(1.0, abs=1e-5)
    assert number(result, "key_position_share") == pytest.approx(0.0, abs=1e-5)


def test_maps_that_differ_between_samples_are_not_constant() -> None:
    many = [scrambled(seed) for seed in range(40)]
    assert abs(number(result_of(*many), "constant_map_share")) < 0.05


def test_one_sample_cannot_be_compared() -> None:
    assert "two samples" in gap(result_of(scrambled(0)), "constant_map_share")
