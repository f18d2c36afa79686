"""Which suggestions stay, and with which options."""

from __future__ import annotations

from typing import Any

import pytest

from attnprobe.records import Suggestion
from tests.suggesting.scans import finding, scan, site, suggested


def names(*, sites: tuple[Any, ...] | None = None, given: Any) -> list[str]:
    return [each.name for each in suggested(scan(*(sites or (site(),))), given).suggestions]


def options(name: str, *sites: Any, **given: Any) -> dict[str, Any]:
    known = sites or (site(),)
    (found,) = suggested(
        scan(*known), finding(name, sites=tuple(each.id for each in known), **given)
    ).suggestions
    return dict(found.options)


def test_a_window_is_cut_to_half_of_what_the_site_sees() -> None:
    assert options("sliding_window", window_size=1024) == {"window_size": 1024}
    assert options("sliding_window", site(q_len=512, kv_len=512), window_size=1024) == {"window_size": 256}
    assert options("sliding_window", site(window_left=199), window_size=1024) == {"window_size": 100}


def test_the_smallest_site_of_a_finding_decides() -> None:
    both = site("a"), site("b", q_len=512, kv_len=512)
    assert options("sliding_window", *both, window_size=1024) == {"window_size": 256}


def test_without_options_of_the_rule_the_default_is_taken() -> None:
    assert options("grouped_query", site(num_heads=32, num_kv_heads=32)) == {"groups": 8}
    assert options("grouped_query", site(num_heads=6, num_kv_heads=6)) == {"groups": 1}
    assert options("grouped_query", site(num_heads=12, num_kv_heads=12)) == {"groups": 3}


def test_an_option_may_be_a_measured_number() -> None:
    measured = site(metrics={"covering_window": 300.0})
    assert options("sliding_window", measured, window_size="{covering_window}") == {"window_size": 300}


def test_a_measured_number_that_is_missing_takes_the_suggestion_along() -> None:
    assert names(given=finding("sliding_window", window_size="{covering_window}")) == []


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("sliding_window", {"role": "cross"}),
        ("sliding_window", {"mechanism": "linear"}),
        ("sliding_window", {"windows": 16}),
        ("sliding_window", {"q_len": 1}),
        ("sliding_window", {"q_len": 1, "kv_len": 1}),
        ("grouped_query", {"num_kv_heads": 1}),
        ("linformer", {"is_causal": True}),
        ("pooled_kv", {"is_causal": None}),
        ("sdpa", {"normaliser": "sigmoid"}),
        ("sdpa", {"metrics": {"sdpa_equivalent": 0, "unused_weights_returned": 0}}),
        ("sdpa", {"kernel": "math", "metrics": {"sdpa_equivalent": 0, "unused_weights_returned": 0}}),
        ("grouped_sdpa", {"metrics": {"sdpa_equivalent": 0, "unused_weights_returned": 0}}),
        ("cross_layer_kv", {"is_causal": False}),
        ("hybrid_heads", {"num_heads": 1, "num_kv_heads": 1}),
    ],
)
def test_what_makes_no_sense_at_a_site_is_not_suggested(name: str, changes: dict[str, Any]) -> None:
    assert names(sites=(site(**changes),), given=finding(name)) == []


def test_a_replacement_must_fit_every_site_of_the_finding() -> None:
    sites = site("a"), site("b", role="cross")
    assert names(sites=sites, given=finding("sliding_window", sites=("a", "b"))) == []


def test_for_the_whole_model_the_sites_that_fit_are_enough() -> None:
    sites = site("a"), site("b", role="cross")
    assert names(sites=sites, given=finding("sliding_window", sites=())) == ["sliding_window"]


def test_changes_of_the_code_stay_as_the_rule_has_them() -> None:
    given = finding("need-weights-false")
    assert suggested(scan(site()), given).suggestions == given.suggestions


def test_other_names_lead_to_the_same_replacement_once() -> None:
    assert names(given=finding("gqa", "mla", "grouped_query")) == ["grouped_query", "latent"]


def test_what_loses_quality_says_that_it_must_be_evaluated() -> None:
    def change(name: str, **site_changes: Any) -> Suggestion:
        return suggested(scan(site(**site_changes)), finding(name)).suggestions[0]

    lossy, exact = change("sliding_window"), change("sdpa", metrics={"sdpa_equivalent": 1})
    assert lossy.exactness == "approximate"
    assert "1024 nearest keys" in lossy.change["en"]
    assert "evaluate the quality" in lossy.change["en"]
    assert "评估质量" in lossy.change["zh"]
    assert exact.exactness == "exact"
    assert "evaluate" not in exact.change["en"]
