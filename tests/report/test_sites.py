"""A group's numbers and its words."""

from dataclasses import replace

import pytest
from sample_scans import METRICS, gpt_scan, gpt_site

from attnprobe.records import NotMeasured
from attnprobe.report.parts import describe
from attnprobe.report.parts import sites as of
from attnprobe.report.parts.gaps import gaps


def test_the_sum_over_a_group_is_not_known_when_one_site_is_not():
    known, unknown = gpt_site(0), replace(gpt_site(1), metrics={"flops_forward": None})
    assert of.total((known, known), "activation_bytes") == 2 * known.metrics["activation_bytes"]
    assert of.total((known, unknown), "flops_forward") is None
    assert of.total((known, unknown), "activation_bytes") is None


def test_parameters_and_exponents_are_not_summed():
    summed = [name for name, metric in METRICS.items() if of.is_summed(metric)]
    assert "flops_forward" in summed
    assert "forward_ms" in summed
    assert not {"parameters", "core_length_exponent", "peak_training_bytes"} & set(summed)


def test_a_spread_leaves_out_what_is_not_known():
    sites = tuple(replace(gpt_site(0), metrics={"x": value}) for value in (3, None, 1))
    assert of.spread(sites, "x") == of.Spread(1, 3, 2)
    assert of.spread(sites, "y") == of.Spread(None, None, 0)


def test_groups_have_letters_and_the_costliest_is_a():
    groups = of.site_groups(gpt_scan())
    assert [(group.letter, group.times) for group in groups] == [("A", "×18"), ("B", "×6")]


def test_letters_go_on_after_z():
    assert [of._letter(place) for place in (0, 25, 26, 27, 51, 52, 701, 702)] == [
        "A", "Z", "AA", "AB", "AZ", "BA", "ZZ", "AAA"
    ]  # fmt: skip


def test_a_reason_of_the_site_itself_goes_before_that_of_the_model():
    gap = NotMeasured(metric="x", site="a", reason="its own")
    scan = replace(gpt_scan(), not_measured=(NotMeasured(metric="x", site="", reason="general"), gap))
    assert of.reason(scan, "x", "a") == "its own"
    assert of.reason(scan, "x", "b") == "general"
    assert of.reason(scan, "y", "a") == ""


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "Causal self-attention · grouped-query dot product"),
        ({"num_kv_heads": 16}, "Causal self-attention · multi-head dot product"),
        ({"num_kv_heads": 1}, "Causal self-attention · multi-query dot product"),
        ({"num_heads": 1, "num_kv_heads": 1}, "Causal self-attention · single-head dot product"),
        ({"role": "cross", "is_causal": False}, "Cross-attention · grouped-query dot product"),
        ({"role": "channel", "mechanism": "channel"}, "Channel attention"),
        ({"is_causal": None, "mechanism": "holo_graphic"}, "Self-attention · holo graphic"),
    ],
)
def test_a_site_is_described_in_words(changes, words):
    assert describe.description(replace(gpt_site(3), **changes)).en == words


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"window_left": None}, "causal; 22 % of the pairs are visible"),
        ({}, "causal, window of 512; 22 % of the pairs are visible"),
        ({"is_causal": False, "window_right": 3},
         "window: 511 to the left, 3 to the right; 22 % of the pairs are visible"),
        ({"is_causal": False, "window_left": None, "visible_share": 1.0}, "none: every query sees every key"),
        ({"is_causal": None, "window_left": None}, "not known"),
    ],
)  # fmt: skip
def test_a_mask_is_described_in_words(changes, words):
    site = replace(gpt_site(0), visible_share=0.2188)
    assert describe.mask(replace(site, **changes)).en.replace("\u00a0", " ") == words


def test_a_usual_scale_is_named():
    assert describe.scale(gpt_site(0)) == "0.125 = 1/√64"
    assert describe.scale(replace(gpt_site(0), scale=0.2)) == "0.2"
    assert describe.scale(replace(gpt_site(0), scale=1.0)).en == "1: the scores are not scaled"
    assert describe.scale(replace(gpt_site(0), scale=None)).en == "not known"
    assert describe.scale(replace(gpt_site(0), head_dim=0)) == "0.125"


def test_one_reason_is_read_once():
    missing = tuple(
        NotMeasured(metric=name, site=site, reason=f"{site} did not run")
        for site in ("h.1", "h.11")
        for name in ("time", "peak")
    )
    model = NotMeasured(metric="kernel", site="", reason="static")
    found = gaps(replace(gpt_scan(), not_measured=(model, *missing)))
    assert [(gap.reason, gap.metrics, gap.sites) for gap in found] == [
        ("… did not run", ("peak", "time"), ("h.1", "h.11")),
        ("static", ("kernel",), ()),
    ]


def test_a_site_s_name_inside_another_word_of_the_reason_stays():
    gap = NotMeasured(metric="x", site="attention", reason="cross-attention: attention did not run")
    assert gaps(replace(gpt_scan(), not_measured=(gap,)))[0].reason == "cross-attention: … did not run"
