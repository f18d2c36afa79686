"""The zoo of the detection benchmark: its counts are complete; on a sample, spy and tracer agree."""

from __future__ import annotations

import warnings

import pytest

from benchmarks.detection_zoo import ZOO, Entry
from benchmarks.detection_zoo.run import EXPECTED, examine

SAMPLE = ("bert", "albert", "mixtral", "mamba", "squeezebert", "wavlm", "siglip", "lxmert", "regnet")


def test_zoo_is_large_and_spread_over_six_families() -> None:
    families = {entry.family for entry in ZOO}
    assert len(ZOO) >= 60
    assert families == {"text", "moe", "encoder-decoder", "vision", "audio", "multimodal"}


def test_every_model_of_the_zoo_has_an_expected_count() -> None:
    assert sorted(EXPECTED) == sorted(entry.name for entry in ZOO)


@pytest.mark.parametrize(
    "entry", [entry for entry in ZOO if entry.name in SAMPLE], ids=lambda entry: entry.name
)
def test_the_spy_and_the_tracer_see_the_expected_calls(entry: Entry) -> None:
    pytest.importorskip("transformers")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert examine(entry, spy_only=False)["problems"] == []
