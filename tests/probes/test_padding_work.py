"""Pairs with padding among them: sentences of 16 and 6 tokens, padded to 16."""

from __future__ import annotations

import math

import torch
from sample_answers import load_sample

from attnprobe.probes.padding_work import probe
from attnprobe.records import ProbeResult
from tests.probes.gradient_runs import subject_of, watched
from tests.probes.written_attention import total, values

SAMPLE = load_sample("padded_encoder")


def result(*batches: torch.Tensor) -> ProbeResult:
    first, *others = batches
    subject = subject_of(SAMPLE.build_model(), first, batches=[(ids,) for ids in others])
    return probe.run(watched(subject, probe))


def ids(*lengths: int) -> torch.Tensor:
    """One sentence of 16 places per length; the rest is padding."""
    return (torch.arange(16) < torch.tensor(lengths)[:, None]).long()


def test_a_pair_counts_only_when_query_and_key_are_real() -> None:
    found = result(ids(16, 6))
    expected = 1 - (16 * 16 + 6 * 6) / (2 * 16 * 16)
    assert values(found, "padding_work_share") == [expected, expected]
    assert total(found, "padding_work_share") == expected


def test_batches_add_up() -> None:
    found = result(ids(16, 6), ids(8, 8))
    expected = 1 - (16 * 16 + 6 * 6 + 2 * 8 * 8) / (4 * 16 * 16)
    assert math.isclose(total(found, "padding_work_share"), expected)


def test_a_batch_without_padding_counts_in_full() -> None:
    found = result(ids(16, 6), ids(16, 16))
    assert math.isclose(total(found, "padding_work_share"), 1 - (3 * 256 + 36) / (4 * 256))


def test_where_nothing_is_padded_nothing_is_said() -> None:
    found = result(ids(16, 16))
    assert found.measurements == ()
    assert all("no padding was found" in m.reason for m in found.not_measured)
