"""`attnprobe.testing`: for people whose gate is their test suite."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from attnprobe.errors import UsageError
from attnprobe.testing import assert_no_findings


class Attention(nn.Module):
    def __init__(self, axis: int) -> None:
        super().__init__()
        self.axis = axis
        self.q_proj, self.k_proj, self.v_proj = (nn.Linear(32, 32) for _ in range(3))

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = (
            part(x).view(*x.shape[:2], 4, 8).transpose(1, 2)
            for part in (self.q_proj, self.k_proj, self.v_proj)
        )
        weights = F.softmax(query @ key.transpose(-2, -1) * 8**-0.5, dim=self.axis)
        return x + (weights @ value).transpose(1, 2).flatten(2)


INPUTS = torch.randn(2, 12, 32, generator=torch.Generator().manual_seed(0))


def test_a_sound_model_passes_and_is_given_back_as_it_was() -> None:
    model = Attention(axis=-1)
    before = copy.deepcopy(model.state_dict())
    judged = assert_no_findings(model, INPUTS, select=["AP101", "AP102"])
    assert {each.rule: each.outcome for each in judged.outcomes} == {"AP101": "passed", "AP102": "passed"}
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_a_faulty_model_fails_with_rule_place_and_line() -> None:
    with pytest.raises(AssertionError, match=r"error AP102 .*test_testing\.py:\d+"):
        assert_no_findings(Attention(axis=-2), INPUTS, select=["AP102"])


def test_findings_below_the_asked_severity_do_not_fail() -> None:
    assert_no_findings(
        Attention(axis=-2), INPUTS, select=["AP0"], at_least="warning"
    )  # AP006: the loss was guessed, an info
    with pytest.raises(AssertionError, match="info AP006"):
        assert_no_findings(Attention(axis=-1), INPUTS, select=["AP0"], at_least="info")


def test_a_rule_that_could_not_be_measured_fails_when_it_must_be() -> None:
    assert_no_findings(Attention(axis=-1), INPUTS, select=["AP401"])
    with pytest.raises(AssertionError, match="AP401 could not be measured"):
        assert_no_findings(Attention(axis=-1), INPUTS, select=["AP401"], must_measure=True)


def test_an_unknown_rule_is_an_error_with_the_nearest_name() -> None:
    with pytest.raises(UsageError, match="did you mean"):
        assert_no_findings(Attention(axis=-1), INPUTS, select=["AP1O2"])
    with pytest.raises(UsageError, match="at_least"):
        assert_no_findings(Attention(axis=-1), INPUTS, at_least="fatal")  # type: ignore[arg-type]
