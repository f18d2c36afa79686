"""What a model is meant to be, and what of its outputs is looked at."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from attnprobe.probes.perturbations import probe
from attnprobe.records import ProbeResult, ScanOptions, Subject
from attnprobe.tracing.tracing import trace
from tests.probes.captured import loaded
from tests.probes.test_perturbations import Attention, Checked, Language, ids


class Padded(nn.Module):
    """Causal, with padding at the start hidden by a finite number: padded rows average everything."""

    def __init__(self) -> None:
        super().__init__()
        self.words, self.positions = nn.Embedding(50, 32), nn.Embedding(300, 32)
        self.qkv = nn.Linear(32, 96)

    def forward(self, ids: Tensor, attention_mask: Tensor) -> Tensor:
        x = self.words(ids) + self.positions(torch.arange(ids.shape[1]))
        query, key, value = self.qkv(x).chunk(3, dim=-1)
        visible = torch.ones(ids.shape[1], ids.shape[1]).tril().bool() & (attention_mask[:, None] == 1)
        scores = (query @ key.mT / 32**0.5).masked_fill(~visible, -1e9)
        return scores.softmax(-1) @ value


class Pair(nn.Module):
    """Gives back the encoding of its pictures first; its ids have no part in that."""

    def __init__(self) -> None:
        super().__init__()
        self.text, self.picture = Language(Attention()), nn.Linear(8, 32)

    def forward(self, ids: Tensor, pixels: Tensor) -> tuple[Tensor, Tensor]:
        return self.picture(pixels), self.text(ids)


def declared(model: nn.Module, causal: bool | None) -> ProbeResult:
    known = replace(loaded(model, ids()), causal=causal)
    step = trace(known, train=False, backward=False)
    return probe.run(Subject(trace=step, options=ScanOptions(target=""), model=known))


def value(result: ProbeResult, metric: str) -> float | None:
    return next(m.value for m in result.measurements if m.metric == metric and not m.site)


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


@pytest.mark.parametrize(
    ("masks", "causal", "expected"),
    [
        ((0, 0, None), None, 1),  # two of three
        ((0, None), None, 0),  # a half is no majority
        ((None, None), None, 0),
        ((1, 1), None, 1),  # a diagonal that is off by one, over token ids
        ((2, 2), None, 0),
        ((None, None), True, 1),
        ((0, 0), False, 0),
    ],
)
def test_declared_or_most_masks_are_causal(
    masks: tuple[int | None, ...], causal: bool | None, expected: int
) -> None:
    model = Language(*(Attention(sees_ahead=mask) for mask in masks))
    assert value(declared(model, causal), "meant_to_be_causal") == expected


def test_floor_is_two_steps_of_the_dtype_where_runs_repeat() -> None:
    found = Checked(Language(Attention()), ids())
    assert found["repeat_difference"] == 0
    assert found["perturbation_floor"] == 2 * 2.0**-23


def test_what_stands_at_padded_positions_is_no_leak() -> None:
    mask = torch.ones(2, 20, dtype=torch.long)
    mask[1, :5] = 0
    assert Checked(Padded(), ids(), attention_mask=mask)["future_leak"] == 0


def test_an_output_that_does_not_read_the_ids_is_not_called_blind() -> None:
    reason = Checked(Pair(), ids(), torch.randn(2, 20, 8)).reason("position_blindness")
    assert reason == "its first output does not read 0"
