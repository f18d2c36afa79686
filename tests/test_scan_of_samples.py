"""Every sample model, scanned: sites, parts and FLOPs against the answers derived by hand."""

from __future__ import annotations

import functools
import importlib.util
from typing import Any

import pytest
from sample_answers import NAMES, NEED_TRANSFORMERS, ExpectedSite, is_near, read_answers

from attnprobe.pipeline import scan_target
from attnprobe.records import AttentionSite, Scan, ScanOptions

needs_transformers = pytest.mark.skipif(
    importlib.util.find_spec("transformers") is None, reason="transformers is not installed"
)
samples = pytest.mark.parametrize(
    "name", [pytest.param(n, marks=needs_transformers) if n in NEED_TRANSFORMERS else n for n in NAMES]
)


@functools.cache
def scanned(name: str) -> Scan:
    options = ScanOptions(target=str(read_answers(name).path), static=True, skip_probes=("length_scaling",))
    return scan_target(options, lambda *_: None)


def site_of(scan: Scan, expected: ExpectedSite) -> AttentionSite:
    found = [s for s in scan.sites if s.module == expected.module and s.call == expected.call]
    at_line = [s for s in found if s.location is not None and s.location.line == expected.line]
    assert found, f"no site in {expected.module}, call {expected.call}; sites: {[s.id for s in scan.sites]}"
    return (at_line or found)[0]


@samples
def test_every_attention_is_found_and_nothing_else(name: str) -> None:
    expected = sorted((site.module, site.call) for site in read_answers(name).sites)
    assert sorted((site.module, site.call) for site in scanned(name).sites) == expected


@samples
def test_facts_of_each_site_are_those_derived_by_hand(name: str) -> None:
    wrong: list[Any] = []
    for expected in read_answers(name).sites:
        site = site_of(scanned(name), expected)
        wrong += [
            (site.id, fact, getattr(site, fact), value)
            for fact, value in expected.facts.items()
            if not is_near(getattr(site, fact), value)
        ]
    assert not wrong


@samples
def test_projections_are_the_right_rows_of_the_right_parameters(name: str) -> None:
    wrong: list[Any] = []
    for expected in read_answers(name).sites:
        site = site_of(scanned(name), expected)
        for role, (parameter, (start, stop)) in expected.projections.items():
            rows = site.projection_rows.get(role, ())
            covered = {row for a, b, step in rows for row in range(a, b, step)}
            if site.projections.get(role) != parameter or covered != set(range(start, stop)):
                wrong.append((site.id, role, site.projections.get(role), rows, parameter, (start, stop)))
    assert not wrong


@samples
def test_the_location_is_the_users_line_of_the_scores(name: str) -> None:
    for expected in read_answers(name).sites:
        if expected.line is not None:
            location = site_of(scanned(name), expected).location
            assert location is not None
            assert location.line == expected.line


@samples
def test_flops_of_the_model_and_of_each_site_are_those_derived_by_hand(name: str) -> None:
    answers, scan = read_answers(name), scanned(name)
    assert scan.totals["flops_forward"] == answers.flops_forward
    wrong = [
        (site.id, part, flops_of(site, part), count)
        for expected in answers.sites
        for site in [site_of(scan, expected)]
        for part, count in expected.flops.items()
        if flops_of(site, part) != count
    ]
    assert not wrong


def flops_of(site: AttentionSite, part: str) -> float | None:
    if part != "normaliser":
        return site.metrics.get(f"flops_{part}")
    core, scores, values = (site.metrics[f"flops_{name}"] for name in ("core", "scores", "values"))
    assert core is not None
    assert scores is not None
    assert values is not None
    return core - scores - values


@samples
def test_kv_cache_per_token_is_the_one_derived_by_hand(name: str) -> None:
    for expected in read_answers(name).sites:
        if expected.kv_cache_bytes_per_token is not None:
            site = site_of(scanned(name), expected)
            assert site.metrics.get("kv_cache_bytes_per_token") == expected.kv_cache_bytes_per_token
