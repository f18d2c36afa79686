"""What replacements save, worked out by hand for 4,096 tokens."""

from __future__ import annotations

from dataclasses import replace

import pytest

from attnprobe.records import Remedy
from tests.suggesting.scans import (
    CORE,
    FORWARD,
    LENGTH,
    MODEL,
    PER_TOKEN,
    finding,
    savings,
    scan,
    site,
    suggested,
    with_limit,
)


def test_a_window_of_256_keys_saves_fifteen_sixteenths_of_the_core() -> None:
    found = savings(scan(site()), finding("sliding_window", window_size=256))
    core = found["flops_core"]
    assert core.local == 1 - 256 / 4096
    assert core.amount == CORE - 2 * 2 * 4 * 4096 * 256 * (8 + 8)
    assert core.status == "modelled"
    assert core.formula == f"{CORE} - (2 · 2 · 4 · (4096 · min(256, 4096)) · (8 + 8)) = {core.amount}"


def test_what_the_core_saves_is_a_smaller_share_of_the_model() -> None:
    found = savings(scan(site()), finding("sliding_window", window_size=256))["flops_forward"]
    assert found.amount == CORE * 15 // 16
    assert found.local == CORE * 15 / 16 / FORWARD
    assert found.of_model == CORE * 15 / 16 / MODEL


def test_two_sites_save_twice_as_much_and_the_same_share() -> None:
    sites = (site("h.0.attn"), site("h.1.attn"))
    found = savings(scan(*sites), finding("sliding_window", sites=("h.0.attn", "h.1.attn"), window_size=256))
    assert found["flops_core"].amount == 2 * CORE * 15 // 16
    assert found["flops_core"].local == 1 - 256 / 4096
    assert found["flops_core"].formula.startswith("2 · (")


def test_a_window_bounds_the_cache() -> None:
    found = savings(scan(site()), finding("sliding_window", window_size=1024))["kv_cache_bytes"]
    assert found.amount == PER_TOKEN * (4096 - 1024)
    assert found.local == 0.75


def test_eight_groups_of_thirty_two_heads_keep_a_quarter_of_the_cache() -> None:
    many = site(num_heads=32, num_kv_heads=32)
    found = savings(scan(many), finding("grouped_query", groups=8))
    assert found["kv_cache_bytes_per_token"].local == 0.75
    assert found["kv_cache_bytes_per_token"].amount == PER_TOKEN * 3 // 4


def test_a_latent_vector_of_16_stands_for_64_numbers() -> None:
    """4 heads hold 4 · (8 + 8) = 64 numbers per token."""
    found = savings(scan(site()), finding("latent", rank=16))
    assert found["kv_cache_bytes_per_token"].local == 1 - 16 / 64


def test_linear_attention_costs_as_much_as_the_width_instead_of_the_length() -> None:
    """Scores and values: 2 B H L L (D + D); instead k vᵀ and its product with q: 2 B H 2 L D D."""
    found = savings(scan(site()), finding("linear"))
    assert found["flops_core"].amount == CORE - 2 * 2 * 4 * 2 * LENGTH * 8 * 8
    assert found["kv_cache_bytes"].amount == PER_TOKEN * LENGTH - 4 * 8 * 8 * 4  # one state per head


def test_half_of_the_heads_in_a_window_save_half_as_much() -> None:
    found = savings(scan(site()), finding("hybrid_heads", window_size=1024, local_heads=2))
    assert found["flops_core"].local == (1 - 1024 / 4096) / 2


def test_three_local_layers_of_four_save_three_quarters_as_much() -> None:
    found = savings(scan(site()), finding("hybrid_layers", window_size=1024, period=4))
    assert found["flops_core"].local == (1 - 1024 / 4096) * 3 / 4


def test_the_fused_call_keeps_one_number_per_row_instead_of_the_scores() -> None:
    scores = 2 * 4 * LENGTH * LENGTH * 4
    unfused = site(
        metrics={"activation_bytes": 3 * scores, "saved_score_bytes": scores, "sdpa_equivalent": 1}
    )
    found = savings(scan(unfused, activation_bytes=6 * scores), finding("sdpa"))["activation_bytes"]
    assert found.amount == scores - 2 * 4 * LENGTH * 4
    assert found.of_model == found.amount / (6 * scores)


def test_shared_heads_save_the_copies() -> None:
    grouped = site(
        kernel="aten._scaled_dot_product_flash_attention_for_cpu",
        num_kv_heads=2,
        metrics={"copy_bytes": 1000, "expanded_kv_bytes": 800},
    )
    found = savings(scan(grouped, copy_bytes=4000), finding("grouped_sdpa"))
    assert found["copy_bytes"].amount == 800
    assert found["copy_bytes"].of_model == 0.2


def test_what_would_cost_more_is_negative_and_kept() -> None:
    """At 16 tokens a feature map of 8 · 8 per head costs more than the scores of a single pair do."""
    short = 2 * 2 * 4 * 16 * 16 * (8 + 8)
    narrow = site(q_len=16, kv_len=16, head_dim=64, value_dim=64, metrics={"flops_core": short})
    found = savings(scan(narrow, flops_core=short), finding("linear"))["flops_core"]
    assert found.amount == short - 2 * 2 * 4 * 32 * 64 * 64
    assert found.amount < 0
    assert found.local < 0


def test_metrics_that_the_scan_lacks_or_that_stay_are_left_out() -> None:
    found = savings(scan(site()), finding("sliding_window", window_size=256))
    assert set(found) == {"flops_core", "flops_forward", "kv_cache_bytes"}  # no activation_bytes here
    assert savings(scan(site()), finding("soft_cap")) == {}


def test_savings_are_never_summed_over_suggestions() -> None:
    both = suggested(scan(site()), finding("sliding_window", "hybrid_heads", window_size=1024))
    assert [saving.remedy for saving in both.savings if saving.metric == "flops_core"] == [
        "sliding_window",
        "hybrid_heads",
    ]


TRIED = Remedy(
    name="scaled_residual",
    change="the output is divided",
    sites=("h.0.attn",),
    metric="largest_logit",
    site="",
    before=80.0,
    after=20.0,
)


def test_a_remedy_that_was_tried_is_measured() -> None:
    found = scan(site(), remedies=(TRIED,))
    given = with_limit(finding("scaled-residual"), "largest_logit")
    (saving,) = suggested(found, given).savings
    assert (saving.remedy, saving.status, saving.amount, saving.local) == (
        "scaled-residual",
        "measured",
        60.0,
        0.75,
    )
    assert saving.formula == "80 - 20 = 60"


@pytest.mark.parametrize(("metric", "comparison"), [("another_metric", ">"), ("largest_logit", "<")])
def test_only_numbers_that_the_rule_finds_too_large_are_savings(metric: str, comparison: str) -> None:
    found = scan(site(), remedies=(TRIED,))
    assert suggested(found, with_limit(finding("scaled-residual"), metric, comparison)).savings == ()


def test_what_came_of_a_trial_is_told_whichever_way_it_should_go() -> None:
    found = scan(site(), remedies=(TRIED,))
    given = with_limit(finding("scaled-residual"), "largest_logit", "<")
    given = replace(
        given, suggestions=(replace(given.suggestions[0], change={"en": "Divide.", "zh": "相除。"}),)
    )
    (told,) = suggested(found, given).suggestions
    assert told.change["en"] == "Divide. Tried on a copy of the model: largest_logit 80 → 20."
    assert told.change["zh"] == "相除。已在模型的副本上试过：largest_logit 80 → 20。"


def test_a_trial_at_another_site_is_not_told() -> None:
    found = scan(site(), remedies=(replace(TRIED, site="h.9.attn"),))
    given = with_limit(finding("scaled-residual"), "largest_logit")
    assert suggested(found, given) == given
