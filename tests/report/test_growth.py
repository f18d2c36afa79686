"""The charts: places on logarithmic axes, worked out by hand."""

from dataclasses import replace

import pytest
from sample_scans import empty_scan, gpt_scan

from attnprobe.records import Curve
from attnprobe.report.page.axes import LogAxis, apart, ticks
from attnprobe.report.page.growth import SERIES_DRAWN, charts, series


def curve(site="", values=(10, 1000), lengths=(1, 100), metric="flops_forward"):
    return Curve(metric=metric, site=site, lengths=lengths, values=values, method="traced")


def test_the_middle_of_a_logarithmic_axis_is_the_geometric_mean():
    axis = LogAxis(1, 100, 0, 200)
    assert [axis.at(value) for value in (1, 10, 100)] == pytest.approx([0, 100, 200])
    assert LogAxis(5, 5, 0, 200).at(5) == 100


def test_ticks_are_round_numbers():
    assert ticks(3e9, 4e10, 10) == (5e9, 1e10, 2e10)
    assert ticks(1e3, 1e6, 10) == (1e3, 1e4, 1e5, 1e6)
    assert ticks(512, 16384, 2) == (512, 1024, 2048, 4096, 8192, 16384)
    assert len(ticks(1, 1e24, 10)) <= 7


def test_labels_are_moved_apart_and_stay_inside():
    assert apart([10, 12, 40], 16, 100) == [10, 26, 42]
    assert apart([95, 99], 16, 100) == [84, 100]
    assert apart([99, 95], 16, 100) == [100, 84]


def test_a_group_is_drawn_as_the_sum_over_its_sites():
    first = gpt_scan().sites[0]
    scan = replace(gpt_scan(), sites=(first, replace(first, id="b")))
    every = replace(scan, curves=(curve(first.id, (1, 2)), curve("b", (10, 20))))
    assert series(every, "flops_forward")[0].values == (11, 22)
    one_for_all = replace(scan, curves=(curve(first.id, (1, 2)),))
    assert series(one_for_all, "flops_forward")[0].values == (2, 4)


def test_a_curve_that_a_logarithm_cannot_show_is_not_drawn():
    for broken in (curve(values=(0, 1)), curve(values=(5,), lengths=(1,)), curve(values=(1, 2, 3))):
        assert charts(replace(empty_scan(), curves=(broken,))) == ()


def test_a_curve_of_a_site_that_the_scan_lacks_is_drawn_under_its_name():
    (chart,) = charts(replace(empty_scan(), curves=(curve("gone.attn"),)))
    assert chart.lines[0].label == "gone.attn"


def test_a_chart_spans_its_plot_and_marks_the_length_of_the_scan():
    scan = replace(empty_scan(), curves=(curve(),))
    scan = replace(scan, workload=replace(scan.workload, seq_len=10))
    (chart,) = charts(scan)
    assert chart.lines[0].path == "M62.0,262.0L470.0,16.0"
    assert chart.marker.place == "266.0"  # halfway from 62 to 470
    assert chart.table.rows == (("1", "10\u00a0FLOP"), ("100", "1\u00a0kF"))


def test_a_flat_curve_is_drawn():
    (chart,) = charts(replace(empty_scan(), curves=(curve(values=(7, 7)),)))
    assert chart.lines[0].path == "M62.0,139.0L470.0,139.0"


def test_more_curves_than_can_be_told_apart_are_counted():
    curves = tuple(curve(f"site{number}") for number in range(SERIES_DRAWN + 2))
    (chart,) = charts(replace(empty_scan(), curves=curves))
    assert len(chart.lines) == SERIES_DRAWN
    assert chart.note.en == "2 more curves are in the saved scan."
    assert len(chart.table.columns) == 1 + SERIES_DRAWN + 2
