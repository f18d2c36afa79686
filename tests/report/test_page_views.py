"""What the page says, before it is drawn."""

from dataclasses import replace

import pytest
from health_scans import health_scan
from sample_scans import FULL, METRICS, WINDOWED, empty_scan, gpt_scan, gpt_site, rich_scan, wide_scan

from attnprobe.records import CostShare, InputTensor, NotMeasured
from attnprobe.report.page.attention import GROUPS_LISTED, GROUPS_OPEN, INSTANCES_LISTED, attention
from attnprobe.report.page.doubts import second_count, unseen
from attnprobe.report.page.instances import instance_table, metric_table
from attnprobe.report.page.predictions import predictions
from attnprobe.report.page.sections import sections
from attnprobe.report.page.strip import cost_bars
from attnprobe.report.page.summary import summary
from attnprobe.report.parts.catalogue import both
from attnprobe.report.parts.command import command


def texts(rows):
    return [tuple(both(cell).en.replace("\u00a0", " ") for cell in row) for row in rows]


def test_a_bar_s_segments_follow_one_another():
    shares = (
        CostShare(part="other", metric="flops_forward", value=10, share=0.1),
        CostShare(part="attention", metric="flops_forward", value=40, share=0.4),
        CostShare(part="feed_forward", metric="flops_forward", value=50, share=0.5),
    )
    (bar,) = cost_bars(replace(empty_scan(), cost_shares=shares))
    assert [(s.fill, s.x, s.width) for s in bar.segments] == [
        ("solid", "0.00%", "40.00%"), ("hatch", "40.00%", "50.00%"), ("pale", "90.00%", "10.00%")
    ]  # fmt: skip
    assert bar.total.replace("\u00a0", " ") == "100 FLOP"


def test_attention_s_slice_is_cut_by_groups_when_their_numbers_add_up():
    (bar, *_) = cost_bars(gpt_scan())
    assert [inner.label for inner in bar.parts[0].inner] == ["A", "B"]
    other = replace(gpt_scan(), cost_shares=(replace(gpt_scan().cost_shares[0], value=1.0),))
    assert cost_bars(other)[0].parts[0].inner == ()


def test_shares_above_the_whole_do_not_leave_the_bar():
    share = CostShare(part="attention", metric="flops_forward", value=3, share=1.7)
    (bar,) = cost_bars(replace(empty_scan(), cost_shares=(share, replace(share, part="other"))))
    assert [segment.width for segment in bar.segments] == ["100.00%", "0.00%"]


def test_a_figure_that_is_not_known_says_so():
    figures = {both(figure.label).en: figure for figure in summary(gpt_scan()).figures}
    assert figures["Forward time"].value == "–"
    assert figures["Forward time"].note.en == "not measured"
    assert figures["Parameters"].value == "271\u00a0M"


def test_what_was_measured_stands_beside_what_was_predicted():
    totals = {"peak_training_bytes": 2048, "measured_peak_training_bytes": 3072, "forward_ms": 8.0,
              "forward_ms_spread": 0.25}  # fmt: skip
    notes = [both(figure.note).en for figure in summary(replace(gpt_scan(), totals=totals)).figures]
    assert notes[1:] == ["measured: 3\u00a0KiB", "spread: 250\u00a0µs"]


def test_the_warning_counts_what_was_not_seen():
    assert both(summary(rich_scan()).warning).en == (
        "Not everything was seen: 1 part could not be traced, 1 op has no formula, "
        "2 metrics are not measured everywhere."
    )
    assert summary(empty_scan()).warning == ""
    missing = NotMeasured(metric="correctness_measure_2", site="", reason="the model has no mask to leak")
    scan = replace(health_scan(), not_measured=(missing,))
    assert both(summary(scan).warning).en == (
        "Not everything was seen: 1 metric of health is not measured everywhere."
    )


def test_every_group_has_a_row_with_its_facts():
    groups = attention(gpt_scan()).groups
    assert [(group.letter, group.name, group.times) for group in groups] == [
        ("A", WINDOWED, "×18"), ("B", FULL, "×6")
    ]  # fmt: skip
    facts = {both(fact.label).en: both(fact.value).en for fact in groups[1].facts}
    assert facts["Heads"] == "16 / 4"
    assert facts["Queries × keys"] == "2,048 × 2,048"
    assert facts["Scale"] == "0.125 = 1/√64"
    assert facts["Line"] == "model.py:58"
    rows = {both(fact.label).en: both(fact.note).en for fact in groups[1].facts}
    assert rows["Value projection"] == "rows 256:512"
    assert rows["Query projection"] == ""  # the whole parameter


def test_every_metric_of_the_dictionary_appears_without_a_template_change():
    scan = gpt_scan()
    new = replace(scan.metrics["flops_core"], name="entropy", title="Entropy of the weights", unit="bit")
    site = replace(gpt_site(3), metrics={"entropy": 3.25})
    rows = texts(metric_table(replace(scan, metrics={"entropy": new}, sites=(site,)), (site,)).rows)
    assert rows == [("Entropy of the weights", "3.25", "3.25 bit", "exact")]


def test_a_missing_number_stands_beside_its_reason():
    site = replace(gpt_site(3), metrics={"forward_ms": None, "odd": None})
    rows = texts(metric_table(replace(gpt_scan(), metrics={}), (site,)).rows)
    assert rows == [
        ("Forward time", "–", "static scan: run without --static to measure time", ""),
        ("odd", "–", "no reason was recorded", ""),
    ]


def test_sites_of_a_group_are_listed_by_what_differs():
    times = (
        replace(gpt_site(0), metrics={"forward_ms": 1.5}),
        replace(gpt_site(1), metrics={"forward_ms": 2}),
    )
    table = instance_table(gpt_scan(), times, 10)
    assert texts(table.rows) == [("blocks.0.attn", "1.50 ms"), ("blocks.1.attn", "2.00 ms")]
    assert instance_table(gpt_scan(), (gpt_site(0), gpt_site(1)), 10) is None
    assert attention(gpt_scan()).groups[1].same[0] == "blocks.3.attn"


def test_heads_have_a_table_of_their_own():
    site = replace(gpt_site(3), head_metrics={"entropy": (1.0, None, 3.0)})
    (group,) = attention(replace(gpt_scan(), sites=(site,))).groups
    assert texts(group.heads.rows) == [("entropy", "1", "–", "3")]


def test_long_lists_are_cut_with_a_notice():
    content = attention(wide_scan(GROUPS_OPEN + GROUPS_LISTED + 7, is_grouped=False))
    assert len(content.groups) == GROUPS_OPEN
    assert len(content.rest.rows) == GROUPS_LISTED
    assert content.rest.note.en.startswith("Showing 460 of 467.")
    (group,) = attention(wide_scan(INSTANCES_LISTED + 1)).groups
    assert len(group.same) == INSTANCES_LISTED
    assert both(group.same_note).en.startswith("Showing 500 of 501.")


def test_roofline_times_are_summed_over_a_group():
    prefill, decode = predictions(gpt_scan())
    assert both(prefill.caption).en == "Prefill on NVIDIA H200 SXM"
    assert [row[0] for row in texts(prefill.rows)] == [
        "Whole model", f"A {WINDOWED} ×18", f"B {FULL} ×6"
    ]  # fmt: skip
    # a site moves 1.5e7 bytes at 4.8e12 bytes/s: 3.125 us; six of them 18.75 us
    assert texts(decode.rows)[2][4:] == ("18.8 µs", "18.8 µs", "memory")


def test_the_second_count_shows_both_numbers_and_the_difference():
    (row,) = texts(second_count(gpt_scan()).rows)
    assert row[0] == "fvcore 0.1.5"
    assert row[4:] == ("+0.4 %", "fvcore also counts layer_norm.")


def test_what_was_not_seen_is_listed_with_reasons():
    content = unseen(rich_scan())
    assert texts(content.blind_spots.rows)[0][:3] == (
        "vision.tower", "TorchScript", "a scripted module shows no ops"
    )  # fmt: skip
    assert texts(content.unknown_ops.rows)[0][:3] == (
        "my_ext.fused_norm",
        "24",
        "blocks.0.norm, blocks.1.norm",
    )
    assert texts(content.not_measured.rows)[0][1] == "Whole model"
    assert unseen(empty_scan()).is_empty


def test_many_sites_of_one_gap_are_counted():
    missing = tuple(NotMeasured(metric="x", site=f"h.{n}", reason="out of memory") for n in range(9))
    (row,) = texts(unseen(replace(empty_scan(), not_measured=missing)).not_measured.rows)
    assert row == ("x", "h.0, h.1, h.2, h.3 and 5 more", "out of memory")


def test_gaps_of_cost_stand_before_those_of_health_which_are_counted():
    health = replace(METRICS["flops_core"], topic="heads")
    metrics = {f"measure_{n}": replace(health, name=f"measure_{n}", title=f"Measure {n}") for n in range(6)}
    missing = (
        *(NotMeasured(metric=name, site="", reason="no map") for name in metrics),
        NotMeasured(metric="forward_ms", site="", reason="static scan"),
    )
    rows = texts(unseen(replace(empty_scan(), metrics=metrics, not_measured=missing)).not_measured.rows)
    assert [row[0] for row in rows] == [
        "Forward time", "Measure 0, Measure 1, Measure 2, Measure 3 and 2 more"
    ]  # fmt: skip


def test_findings_stand_first_when_there_are_any():
    assert [s.anchor for s in sections(rich_scan())][:3] == ["findings", "trials", "attention"]
    assert next(s.anchor for s in sections(gpt_scan())) == "attention"


def test_empty_sections_say_why_they_are_empty():
    for section in sections(empty_scan()):
        assert both(section.lead).en
        assert bool(section.template) == (section.anchor == "method")


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({}, "attnprobe scan model.py --batch-size 1 --seq-len 2048 --dtype float32 --static"),
        ({"settings": {"command": "attnprobe scan model.py --static"}}, "attnprobe scan model.py --static"),
        ({"inputs": (InputTensor(name="ids", shape=(2, 8), dtype="int64", origin="given"),),
          "backward": False},
         "attnprobe scan model.py --input 'ids:int64[2,8]' --dtype float32 --infer --static"),
        ({"depth": "measured", "device": "cuda", "train": True, "batch_size": None, "seq_len": None},
         "attnprobe scan model.py --dtype float32 --train --device cuda"),
    ],
)  # fmt: skip
def test_the_command_repeats_the_scan(changes, line):
    scan = replace(gpt_scan(), predictions=())
    assert command(replace(scan, workload=replace(scan.workload, **changes))) == line


def test_a_hostile_target_is_quoted_in_the_command():
    scan = replace(gpt_scan(), model=replace(gpt_scan().model, target="a b;$(rm x)\x1b'.py"))
    assert command(scan).startswith("""attnprobe scan 'a b;$(rm x)\\x1b'"'"'.py' --""")
