"""How attention spreads out with the number of keys."""

from __future__ import annotations

from math import log

import pytest
import torch
from given_maps import call_of, drawn, gap, merging_is_one_pass, show, site, trace_of, written
from layered import seeded

import attnprobe
from attnprobe.observing.calls import Batch
from attnprobe.probes.dispersion import probe, shorter_lengths
from attnprobe.probes.map_statistics.lengths import AtLength, DispersionWatcher, slope
from attnprobe.records import LoadedModel, ScanOptions, Subject

LOADED = LoadedModel(module=torch.nn.Identity(), args=(), kwargs={}, target="m", entry="m", inputs=())


def at(length: int, weights: torch.Tensor) -> AtLength:
    """A point of one site with the given map, [H, L, S]."""
    call = call_of(written(weights.tolist()), site(heads=weights.shape[0]))
    return AtLength(length, show(DispersionWatcher(), call), {"attn": 0})


def slopes(points: list[AtLength]) -> tuple[list[float], list[float]]:
    largest = slope(points, "attn", "log_largest", "row_log_keys")
    entropy = slope(points, "attn", "entropy", "log_keys")
    assert largest is not None
    assert entropy is not None
    return largest.tolist(), entropy.tolist()


def test_uniform_attention_disperses_as_one_over_n() -> None:
    points = [at(n, torch.full((1, n, n), 1 / n)) for n in (8, 16, 32)]
    largest, entropy = slopes(points)
    assert largest == pytest.approx([-1.0], abs=1e-5)
    assert entropy == pytest.approx([1.0], abs=1e-5)


def test_one_hot_attention_does_not_disperse() -> None:
    largest, entropy = slopes([at(n, torch.eye(n)[None]) for n in (8, 16, 32)])
    assert largest == pytest.approx([0.0], abs=1e-6)
    assert entropy == pytest.approx([0.0], abs=1e-6)


def test_each_head_has_a_slope_of_its_own() -> None:
    points = [at(n, torch.stack([torch.eye(n), torch.full((n, n), 1 / n)])) for n in (8, 32)]
    assert slopes(points)[0] == pytest.approx([0.0, -1.0], abs=1e-5)


def test_a_key_that_keeps_half_of_the_mass_slows_dispersion_by_hand() -> None:
    # Half on the first key, the rest evenly: the largest weight stays 1/2. Entropy: log 2 + log(n - 1) / 2
    lengths = (9, 33)
    points = []
    for n in lengths:
        rows = torch.full((1, n, n), 0.5 / (n - 1))
        rows[..., 0] = 0.5
        points.append(at(n, rows))
    largest, entropy = slopes(points)
    assert largest == pytest.approx([0.0], abs=1e-6)
    assert entropy == pytest.approx([(log(32) - log(8)) / 2 / (log(33) - log(9))], rel=1e-5)


def test_without_more_keys_there_is_no_slope() -> None:
    points = [at(n, torch.full((1, n, 8), 1 / 8)) for n in (8, 16)]
    assert slope(points, "attn", "entropy", "log_keys") is None


def test_a_site_that_is_not_there_at_a_length_is_left_out() -> None:
    points = [at(n, torch.full((1, n, n), 1 / n)) for n in (8, 16)]
    lost = AtLength(4, DispersionWatcher(), {})
    assert slope([lost, *points], "attn", "entropy", "log_keys") is not None
    assert slope([lost, points[0]], "attn", "entropy", "log_keys") is None


def test_only_the_first_batch_is_looked_at() -> None:
    watcher = DispersionWatcher()
    show(watcher, call_of(drawn(0), site(heads=3), batch=Batch(number=1, model=LOADED)))
    assert watcher.sums.sites("entropy") == ()


@pytest.mark.parametrize(("length", "expected"), [(32, (8, 16)), (512, (128, 256)), (1024, (128,))])
def test_inputs_are_cut_to_parts_of_their_length(length: int, expected: tuple[int, ...]) -> None:
    assert shorter_lengths(length) == expected


def test_without_a_length_to_cut_nothing_is_run() -> None:
    trace = trace_of([site()])
    result = probe.run(Subject(trace=trace, options=ScanOptions(target="model.py")))
    assert gap(result, "dispersion_slope", "") == (
        "no input has a dimension along which the tokens of an attention lie"
    )


def test_two_passes_merge_into_one() -> None:
    assert merging_is_one_pass(DispersionWatcher)


@pytest.mark.parametrize("train", [False, True])
def test_a_model_without_queries_disperses_entirely(train: bool) -> None:
    model, ids = seeded()
    for layer in model.layers:
        torch.nn.init.zeros_(layer.q_proj.weight)
        torch.nn.init.zeros_(layer.q_proj.bias)
    found = attnprobe.scan(model, (ids,), probes=["dispersion"], train=train)
    assert [site.metrics["dispersion_slope"] for site in found.sites] == pytest.approx([-1.0] * 3, abs=1e-4)
    assert [site.metrics["entropy_slope"] for site in found.sites] == pytest.approx([1.0] * 3, abs=1e-4)
    assert {curve.lengths for curve in found.curves} == {(16, 32, 64)}
    # Geometric mean of 1, 1/2 … 1/64
    expected = torch.arange(1, 65).log().mean().neg().exp()
    assert found.curves[0].values[-1] == pytest.approx(float(expected), rel=1e-4)
