"""A sample of the benchmark of false alarms: the rules about correctness are silent on models of others."""

from __future__ import annotations

import warnings

import pytest

from benchmarks.false_alarms import Subject, correctness_rules, examine, subjects

SAMPLE = ("gpt2", "t5", "bert", "llama", "swinv2", "levit", "wav2vec2", "big_bird", "clip", "mixtral")


@pytest.mark.parametrize(
    "subject",
    [each for each in subjects() if each.name in SAMPLE and each.kind in ("zoo", "in half precision")],
    ids=lambda subject: f"{subject.name}, {subject.kind}",
)
def test_model_of_the_zoo_is_silent(subject: Subject) -> None:
    pytest.importorskip("transformers")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        row = examine(subject, correctness_rules())
    assert row.get("error") is None
    assert row["findings"] == []
    assert row["failed_probes"] == []
    assert row["judged"] >= 9  # the rules that hold against the op graph alone


@pytest.mark.parametrize(
    "subject", [each for each in subjects() if each.kind == "sample"], ids=lambda subject: subject.name
)
def test_healthy_sample_model_is_silent(subject: Subject) -> None:
    if subject.name.startswith("hf_"):
        pytest.importorskip("transformers")
    row = examine(subject, correctness_rules())
    assert row.get("error") is None
    assert row["findings"] == []
    assert row["judged"] > 0
