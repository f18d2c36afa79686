"""How many dims a head's scores take, from queries and keys written by hand."""

from __future__ import annotations

import pytest
import torch
from given_maps import call_of, drawn, gap, heads_of, look, number, site
from torch import Tensor

from attnprobe.probes.score_rank import probe


def spread(*sizes: float) -> Tensor:
    """±s_i e_i of each of four axes, twice: Σ x xᵀ = diag(4 s²), and a mean of zero. [1, 1, 16, 4]"""
    axes = torch.diag(torch.tensor(sizes).float())
    return torch.cat([axes, -axes] * 2)[None, None]


def result_of(query: Tensor, key: Tensor):  # type: ignore[no-untyped-def]
    attention = drawn(0, samples=1, heads=query.shape[1], length=16)
    of = site(heads=query.shape[1], q_len=16, kv_len=16)
    return look(probe, call_of(attention, of, query=query, key=key, group_of_head=(0,) * query.shape[1]))


def test_equal_axes_are_all_needed() -> None:
    # Three of four equal energies are 0.75, less than 0.95.
    result = result_of(spread(1, 1, 1, 1), spread(1, 1, 1, 1))
    assert heads_of(result, "score_rank") == [4.0]
    assert heads_of(result, "score_rank_share") == [1.0]


def test_small_axes_are_not_needed() -> None:
    # Energies s_q² s_k²: 100, 4, 1, 1 of 106: the first has 0.943, the first two 0.981.
    result = result_of(spread(10, 2, 1, 1), spread(1, 1, 1, 1))
    assert heads_of(result, "score_rank") == [2.0]
    assert number(result, "score_rank_share") == 0.5


def test_what_all_keys_have_in_common_changes_no_softmax() -> None:
    shifted = spread(1, 1, 1, 1) + torch.tensor([0.0, 0.0, 0.0, 100.0])
    assert heads_of(result_of(spread(1, 1, 1, 1), shifted), "score_rank") == [4.0]


def test_heads_that_share_their_keys_have_queries_of_their_own() -> None:
    query = torch.cat([spread(1, 1, 1, 1), spread(1, 0, 0, 0)], 1)
    assert heads_of(result_of(query, spread(1, 1, 1, 1)), "score_rank") == [4.0, 1.0]


def test_keys_that_are_all_alike_need_nothing() -> None:
    result = result_of(spread(1, 1, 1, 1), torch.ones(1, 1, 16, 4))
    assert gap(result, "score_rank") == "its queries or its keys are all alike"


def test_a_rotation_of_the_head_changes_nothing() -> None:
    basis = torch.linalg.qr(torch.randn(4, 4, generator=torch.Generator().manual_seed(0)))[0]
    result = result_of(spread(10, 2, 1, 1) @ basis, spread(1, 1, 1, 1) @ basis)
    assert heads_of(result, "score_rank") == pytest.approx([2.0])


def test_few_tokens_say_nothing() -> None:
    attention = drawn(0, samples=1, heads=1, length=7)
    given = {"query": torch.ones(1, 1, 7, 4), "key": torch.ones(1, 1, 7, 4), "group_of_head": (0,)}
    result = look(probe, call_of(attention, site(q_len=7, kv_len=7), **given))
    assert gap(result, "score_rank") == "7 tokens are too few for 4 dims"
