"""Facts about agent attention."""

from __future__ import annotations

import pytest
import torch

from attnprobe.attention.agent import Agent
from attnprobe.attention.sdpa import Sdpa
from attnprobe.errors import ShapeError
from attnprobe.testing import assert_core_conforms

_LANDMARKS = ("padding_length",)  # stretches are counted from the first position


def test_it_keeps_its_word() -> None:
    assert_core_conforms(Agent(16), skip=_LANDMARKS)


def test_one_agent_asks_with_the_mean_of_all_queries() -> None:
    query, key, value = (torch.randn(1, 2, 9, 4) for _ in range(3))
    asked = Sdpa()(query.mean(2, keepdim=True), key, value)
    assert torch.allclose(Agent(1)(query, key, value), asked.expand(-1, -1, 9, -1), atol=1e-6)


def test_an_agent_for_every_query_is_attention_twice() -> None:
    query, key, value = (torch.randn(1, 2, 9, 4) for _ in range(3))
    expected = Sdpa()(query, query, Sdpa()(query, key, value))
    assert torch.allclose(Agent(9)(query, key, value), expected, atol=1e-6)


def test_no_agent_is_refused() -> None:
    with pytest.raises(ShapeError, match="at least one agent"):
        Agent(0)
