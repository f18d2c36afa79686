"""How few directions a map needs."""

from __future__ import annotations

import pytest
import torch

from attnprobe.probes.approximating.ranks import one_thread
from attnprobe.probes.low_rank_approximation import probe
from tests.probes.given_maps import call_of, gap, look, number, site, written


def result_of(weights: torch.Tensor):  # type: ignore[no-untyped-def]
    queries, keys = weights.shape
    values = torch.eye(keys)[None, None]
    of = site(q_len=queries, kv_len=keys)
    return look(probe, call_of(written(weights[None].tolist()), of, value=values, group_of_head=(0,)))


def test_each_query_at_its_own_key_needs_all_directions() -> None:
    result = result_of(torch.eye(40))
    # Without its mean row the identity has 39 equal singular values.
    assert number(result, "map_effective_rank") == pytest.approx(39, rel=1e-4)
    assert number(result, "map_effective_rank_share") == pytest.approx(39 / 40, rel=1e-4)
    assert number(result, "map_rank_for_90") == 36  # ⌈0.9 · 39⌉
    # ‖I - 1 1ᵀ / 40‖² = 39 of 40.
    assert number(result, "differing_map_share") == pytest.approx(39 / 40)
    # Values are unit vectors: 15 of 39 equal directions and the mean are kept.
    assert number(result, "rank_16_error") == pytest.approx((24 / 40) ** 0.5, rel=1e-4)


def test_two_kinds_of_queries_need_one_direction_beside_the_mean() -> None:
    rows = torch.zeros(20, 20)
    rows[:10, 3], rows[10:, 7] = 1.0, 1.0
    result = result_of(rows)
    assert number(result, "map_effective_rank") == pytest.approx(1.0, rel=1e-4)
    assert number(result, "map_rank_for_90") == 1
    assert number(result, "differing_map_share") == pytest.approx(1 / 2)
    assert number(result, "rank_16_error") == pytest.approx(0.0, abs=1e-5)


def test_rows_that_are_all_the_same_have_no_rank() -> None:
    result = result_of(torch.full((20, 20), 1 / 20))
    assert number(result, "differing_map_share") == pytest.approx(0.0, abs=1e-9)
    assert number(result, "rank_16_error") == pytest.approx(0.0, abs=1e-6)
    assert "all the same" in gap(result, "map_effective_rank")


def test_the_number_of_threads_is_given_back() -> None:
    before = torch.get_num_threads()
    with one_thread():
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == before
