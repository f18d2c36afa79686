"""Trying inputs without arithmetic."""

from __future__ import annotations

import torch
from torch import nn

from attnprobe.fake_tensors import FakeWorld
from attnprobe.loading.inputs.trials import IdOutOfRangeError, is_undecided, trial


class Chooser(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(1000, 600)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        x = self.table(ids)
        return x if x.sum() > 0 else -x


def test_inputs_that_run_give_no_error() -> None:
    assert trial(nn.Linear(4, 4), FakeWorld(), (torch.zeros(2, 4),), {}) is None


def test_inputs_that_do_not_fit_give_the_models_error() -> None:
    error = trial(nn.Linear(4, 4), FakeWorld(), (torch.zeros(2, 5),), {})
    assert isinstance(error, RuntimeError)
    assert not is_undecided(error)


def test_an_id_beyond_the_table_is_noticed_without_looking_it_up() -> None:
    error = trial(nn.Embedding(10, 4), FakeWorld(), (torch.tensor([3, 10]),), {})
    assert isinstance(error, IdOutOfRangeError)
    assert (error.largest, error.rows) == (10, 10)


def test_a_question_that_only_real_numbers_answer_is_undecided() -> None:
    error = trial(Chooser(), FakeWorld(), (torch.tensor([[1, 2]]),), {})
    assert error is not None
    assert is_undecided(error)


def test_an_exit_in_the_forward_is_an_error_like_any_other() -> None:
    class Quitter(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            raise SystemExit(0)

    assert isinstance(trial(Quitter(), FakeWorld(), (torch.zeros(1),), {}), SystemExit)
