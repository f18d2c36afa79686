"""Samples of the health benchmarks: the trained encoder against survey and ablation, planted faults."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import pytest
import torch
from torch import Tensor

import attnprobe
from attnprobe.records import Scan
from benchmarks.health.ablation import rank_correlation, without_head
from benchmarks.health.detectors import DETECTORS
from benchmarks.health.encoder import HEADS, LAYERS, batch, trained, untrained
from benchmarks.health.faults import FAULTS, TWINS, Fault, row_of
from benchmarks.health.figures import FIGURES, Figure
from benchmarks.health.minilm import IMPORTANCE
from benchmarks.health.passages import PASSAGES
from benchmarks.health.reading import of_heads

PROBE_OF_SAMPLED_FIGURES = (
    "entropy",
    "saturation",
    "key_mass",
    "head_similarity",
    "head_outputs",
    "top_key_approximation",
)
SAMPLED_FIGURES = (
    "normalised entropy, median head",
    "entropy spread over queries, median head",
    "maximum probability, median head",
    "largest logit, median head",
    "distance from uniform, median head",
    "column entropy, median head",
    "sink mass, median head",
    "mass of the top tenth of keys, median head",
    "keys for 90 % / n, median head",
    "centred map correlation, median pair",
    "contribution of a head / stream, median head",
)


QUICK_FAULTS = (
    "the copy in a rotated basis",
    "a zeroed head",
    "logits × 20, one head",
    "untrained",
    "a local bias",
    "a mask that leaks one token",
    "24 layers without residual",
    "24 layers, post-norm, std 0.002",
)


@lru_cache(maxsize=1)
def passages() -> dict[str, Tensor]:
    return batch(PASSAGES[:4])


@lru_cache(maxsize=2)
def scan_of(model: str) -> Scan:
    module = trained() if model == "trained" else untrained()
    return attnprobe.scan(module, passages(), probes=PROBE_OF_SAMPLED_FIGURES, device="cpu")


@pytest.mark.parametrize("name", SAMPLED_FIGURES)
def test_a_figure_is_that_of_the_survey(name: str) -> None:
    (figure,) = [figure for figure in FIGURES if figure.name == name]
    value = figure.value(scan_of("trained"))
    assert figure.fits("trained", value), (value, figure.trained)


@pytest.mark.parametrize(
    "figure",
    [f for f in FIGURES if f.name in SAMPLED_FIGURES and f.trained and f.untrained is not None],
    ids=lambda figure: figure.name,
)
def test_an_untrained_model_is_told_from_a_trained_one(figure: Figure) -> None:
    here, there = figure.value(scan_of("trained")), figure.value(scan_of("untrained"))
    assert here is not None
    assert there is not None
    assert figure.trained is not None
    assert figure.untrained is not None
    assert (here > there) == (figure.trained > figure.untrained)


def test_a_tolerance_can_be_missed() -> None:
    figure = Figure("a number", lambda scan: None, 0.5, None)
    assert figure.fits("trained", 0.59)
    assert not figure.fits("trained", 0.61)
    assert figure.fits("untrained", 0.5) is None


def test_rank_correlation_is_that_of_the_ranks() -> None:
    # Ranks 0 1 2 3 against 0 1 3 2: 1 - 6 Σ d² / (n (n² - 1)) = 1 - 6 · 2 / 60.
    assert rank_correlation([1, 5, 7, 9], [0.1, 0.2, 8, 4]) == pytest.approx(0.8)
    assert rank_correlation([1, 2, 3], [9, 4, 1]) == pytest.approx(-1)


def test_an_ablated_head_comes_back() -> None:
    model, inputs = trained(), batch(PASSAGES[:1])
    before = model(**inputs)
    with without_head(model, 5, 10):
        assert not before.equal(model(**inputs))
    assert before.equal(model(**inputs))


def test_committed_ablation_is_what_ablation_does() -> None:
    model, inputs = trained(), batch(PASSAGES)
    with torch.no_grad():
        whole = model(**inputs)
        for layer, head in ((0, 3), (5, 10)):
            with without_head(model, layer, head):
                damage = float((1 - (model(**inputs) * whole).sum(-1)).mean())
            assert damage == pytest.approx(committed_damage()[layer][head], rel=0.01)


def test_importance_without_labels_orders_heads_as_ablation_does() -> None:
    scan = attnprobe.scan(trained(), batch(PASSAGES), probes=["head_importance"], device="cpu")
    scores = of_heads(scan, IMPORTANCE)
    truth = [value for layer in committed_damage() for value in layer]
    assert len(scores) == len(truth) == LAYERS * HEADS
    assert rank_correlation(truth, scores) >= 0.95


@pytest.mark.parametrize("fault", [f for f in FAULTS if f.name in QUICK_FAULTS], ids=lambda fault: fault.name)
def test_a_planted_fault_is_caught_and_its_twin_is_not(fault: Fault) -> None:
    wanted = (*fault.caught_by, *fault.silent)
    probes = {detector.probe for detector in DETECTORS if detector.name in wanted}
    if "saturation" in probes:
        probes.add("key_mass")
    names = tuple(sorted(probes))
    row = row_of(fault, fault.scan(names), twin_of(fault.twin, names))
    assert row["ok"], {name: row["values"][name] for name in wanted}


@lru_cache(maxsize=1)
def committed_damage() -> list[list[float]]:
    path = Path(__file__).parents[1] / "benchmarks" / "results" / "health_minilm.json"
    return json.loads(path.read_text())["damage"]


@lru_cache(maxsize=8)
def twin_of(name: str, probes: Sequence[str]) -> Scan:
    return TWINS[name](probes)
