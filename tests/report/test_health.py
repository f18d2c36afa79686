"""Health on the page: what it says, before it is drawn."""

from dataclasses import replace

import pytest
from health_scans import health_metric, health_scan, matrix, wave, wide_health_scan
from sample_scans import empty_scan, gpt_scan, gpt_site

from attnprobe.records import Curve, HeadMatrix, NotMeasured, Remedy
from attnprobe.report.page.attention import attention
from attnprobe.report.page.growth import charts
from attnprobe.report.page.health.heads import HEADS_IN_A_BLOCK
from attnprobe.report.page.health.maps import ROWS_DRAWN, heat_map, shaded
from attnprobe.report.page.health.pairs import pairs
from attnprobe.report.page.health.scale import Scale, scale_of
from attnprobe.report.page.health.section import MERGED, health
from attnprobe.report.page.health.spark import spark
from attnprobe.report.page.instances import metric_table
from attnprobe.report.page.method import method
from attnprobe.report.page.sections import sections
from attnprobe.report.parts.catalogue import both
from attnprobe.report.parts.readings import Values, reading, topic_metrics, values, where


def scan_of(*sites, topic="information", **rest):
    """A scan of these sites with one metric of health, "entropy"."""
    metric = replace(health_metric("entropy", topic, "Entropy of the maps"), **rest)
    return replace(empty_scan(), metrics={"entropy": metric}, sites=sites)


def site(number, *per_head, **rest):
    mean = sum(n for n in per_head if n is not None) / max(len(per_head), 1)
    return replace(
        gpt_site(3),
        id=f"h.{number}.attn",
        metrics={"entropy": mean},
        head_metrics={"entropy": per_head},
        **rest,
    )


def english(words):
    return both(words).en.replace("\u00a0", " ")


def only_row(scan):
    (topic,) = health(scan).topics
    (row,) = topic.rows
    return row


def all_rows(content):
    return [row for topic in content.topics for row in (*topic.rows, *topic.more)]


def test_a_reading_is_taken_over_all_heads_and_says_where_its_ends_are():
    scan = scan_of(site(0, 0.2, 0.9), site(1, 0.1, 0.4, None))
    found = reading(values(scan, "entropy").values())
    assert found.median == pytest.approx(0.3)  # of 0.1, 0.2, 0.4, 0.9
    assert (found.low.value, english(where(found.low))) == (0.1, "h.1.attn, head 0")
    assert (found.high.value, english(where(found.high))) == (0.9, "h.0.attn, head 1")


def test_a_metric_without_heads_is_read_over_sites():
    sites = tuple(replace(gpt_site(n), metrics={"entropy": float(n)}) for n in range(3))
    found = reading(values(scan_of(*sites), "entropy").values())
    assert (found.median, found.low.value, english(where(found.high))) == (1.0, 0.0, "blocks.2.attn")


def test_a_matrix_is_read_over_its_pairs_without_the_diagonal():
    rows = ((1.0, 0.3, 0.5), (0.3, 1.0, None), (0.5, None, 1.0))
    scan = scan_of(gpt_site(0))
    scan = replace(scan, matrices=(HeadMatrix(metric="entropy", site="blocks.0.attn", values=rows),))
    found = reading(values(scan, "entropy").values())
    assert (found.median, found.high.value) == (0.4, 0.5)
    assert english(where(found.high)) == "blocks.0.attn, heads 0–2"


def test_what_was_tried_on_a_copy_stands_with_both_numbers():
    tried = Remedy(name="residual", change="A residual around the attention", sites=("h.0", "h.1"),
                   metric="entropy", site="h.1", before=0.25, after=None)  # fmt: skip
    (row,) = health(replace(scan_of(site(0, 0.2)), remedies=(tried,))).remedies.rows
    assert [english(cell) for cell in row] == [
        "A residual around the attention", "h.0, h.1", "Entropy of the maps", "h.1", "0.25", "–"
    ]  # fmt: skip
    assert health(scan_of(site(0, 0.2))).remedies is None


def test_numbers_in_names_are_sorted_as_numbers():
    scan = scan_of(site(0, 0.2))
    names = ("window_256", "window_64", "late", "zeta")
    metrics = {n: replace(scan.metrics["entropy"], name=n, headline=n == "zeta") for n in names}
    assert topic_metrics(replace(scan, metrics=metrics), "information") == (
        "zeta", "late", "window_64", "window_256"
    )  # fmt: skip


def test_a_row_has_a_cell_per_group_with_median_and_range():
    row = only_row(scan_of(site(0, 0.2, 0.6), site(1, 0.1, 0.4), site(2, 0.8, 0.8, group="other")))
    cells = [(english(cell.label), cell.value, english(cell.range)) for cell in row.cells]
    assert cells == [("A ×2", "0.3", "0.1 – 0.6"), ("B", "0.8", "")]
    assert [english(text) for text in row.groups] == [
        "A ×2: median 0.3. Lowest 0.1 at h.1.attn, head 0; highest 0.6 at h.0.attn, head 1.",
        "B: median 0.8. All numbers are the same.",
    ]


def test_rows_of_a_topic_have_the_same_columns():
    scan = replace(scan_of(site(0, 0.2, 0.6)), totals={"sinks": 3.0})
    sinks = replace(scan.metrics["entropy"], name="sinks", level="model")
    (topic,) = health(replace(scan, metrics={**scan.metrics, "sinks": sinks})).topics
    assert [[cell.value for cell in row.cells] for row in topic.rows] == [["", "0.4"], ["3", ""]]


def test_many_groups_share_a_cell():
    row = only_row(scan_of(*(site(n, 0.1 * n, group=f"g{n}") for n in range(5))))
    (cell,) = row.cells
    assert (english(cell.label), cell.value, english(cell.range)) == ("All 5 sites", "0.2", "0 – 0.4")


def test_what_is_measured_of_the_model_stands_first():
    scan = replace(scan_of(site(0, 0.2, 0.6)), totals={"entropy": 0.7})
    assert [(english(c.label), c.value) for c in only_row(scan).cells] == [
        ("Whole model", "0.7"),
        ("A", "0.4"),
    ]


def test_a_metric_of_which_nothing_is_known_has_no_row_and_is_named():
    scan = scan_of(site(0, 0.2, 0.6))
    other = health_metric("sink_share", "information", "Sinks")
    scan = replace(scan, metrics={**scan.metrics, "sink_share": other})
    (topic,) = health(scan).topics
    assert [row.key for row in topic.rows] == ["entropy"]
    assert english(topic.missing) == "sink_share"


def test_sites_without_a_number_are_counted_with_the_reason():
    scan = scan_of(site(0, 0.2), replace(gpt_site(1), metrics={}), replace(gpt_site(2), metrics={}))
    gaps = tuple(NotMeasured(metric="entropy", site=f"blocks.{n}.attn", reason="no map") for n in (1, 2))
    assert english(only_row(replace(scan, not_measured=gaps)).gap) == "Missing at 2 of 3 sites: no map"
    assert only_row(scan).gap == ""


def test_random_inputs_are_announced_and_their_metrics_marked():
    assert english(health(health_scan()).banner).startswith("The inputs were random. 37 metrics")
    rows = all_rows(health(health_scan()))
    assert sum(row.is_doubtful for row in rows) == 37
    given = health(health_scan("given"))
    assert given.banner == ""
    assert not any(row.is_doubtful for row in all_rows(given))


def test_headline_metrics_are_the_first_figures_and_the_first_rows():
    content = health(health_scan())
    assert [english(figure.label)[:7] for figure in content.figures] == [
        "Norm of", "Importa", "Entropy", "Error o", "Leak nu"
    ]  # fmt: skip
    assert content.topics[0].rows[0].key == "gradients_measure_0"


def test_a_topic_of_many_metrics_shows_its_headlines_first():
    gradients, *_, correctness = health(health_scan()).topics
    assert [row.key for row in gradients.rows] == ["gradients_measure_0"]
    assert english(gradients.more_title) == "20 further metrics"
    assert len(gradients.more) == 20
    assert (len(correctness.rows), correctness.more) == (2, ())  # few enough to be seen at once


def test_health_stays_out_of_the_tables_of_cost():
    scan = health_scan()
    assert len(metric_table(scan, scan.sites).rows) == len(metric_table(gpt_scan(), gpt_scan().sites).rows)
    assert all(group.heads is None for group in attention(scan).groups)
    assert len(charts(scan)) == len(charts(gpt_scan()))
    assert len(method(scan).dictionary) == len(gpt_scan().metrics)  # rows explain themselves


def test_the_contents_lead_to_the_topics():
    (section,) = [each for each in sections(health_scan()) if each.anchor == "health"]
    assert [english(title) for _, title in section.parts] == [
        "Gradients", "Heads", "Information", "Approximability", "Correctness"
    ]  # fmt: skip
    (section,) = [each for each in sections(gpt_scan()) if each.anchor == "health"]
    assert (section.template, section.parts) == ("", ())


@pytest.mark.parametrize(
    ("known", "scale"),
    [
        ((0.1, 0.6), Scale(0, 1, False)),  # reaches one half: all of 0 to 1
        ((0.01, 0.03), Scale(0, 0.03, False)),
        ((-3, -2), Scale(-3, 0, False)),
        ((-0.4, 0.9), Scale(-0.4, 0.9, False)),
        ((1e-8, 1e-2), Scale(1e-8, 1e-2, True)),
        ((0, 55), Scale(0, 55, False)),
        ((7,), Scale(0, 7, False)),
    ],
)
def test_a_scale_fits_its_numbers(known, scale):
    assert scale_of(known) == scale


def test_shades_divide_a_scale_evenly():
    assert [Scale(0, 1, False).shade(v) for v in (0, 0.124, 0.125, 0.5, 1)] == [0, 0, 1, 4, 7]
    assert [Scale(1, 1e8, True).shade(v) for v in (1, 10, 1e4, 1e8)] == [0, 1, 4, 7]
    assert Scale(-1e308, 1e308, False).shade(0) == 4
    assert Scale(0, 0, False).shade(0) == 0


def test_neighbouring_cells_of_a_shade_are_one_stroke():
    made = shaded([(0.0, 0.0, 1.0), (1.0, None, 0.0)], Scale(0, 1, False))
    assert [(shade.name, shade.path) for shade in made] == [("q0", "M0 0h2M2 1h1"), ("q7", "M2 0h1M0 1h1")]


def drawn(scan, rows=100):
    return heat_map(scan, "entropy", values(scan, "entropy"), {"h.0.attn": "s0"}, rows=rows)


def test_a_map_has_a_row_per_site_and_the_numbers_in_its_cells():
    scan = scan_of(site(0, 0.2, 0.6), site(1, 0.1))
    drawing = drawn(scan)
    assert [(english(row.label), row.anchor, row.numbers) for row in drawing.rows] == [
        ("0", "s0", " .20  .60 "), ("1", "", " .10   –  ")
    ]  # fmt: skip
    assert drawing.heads == "  0    1  "
    assert (drawing.legend.low, drawing.legend.high, english(drawing.legend.words)) == (
        "0",
        "1",
        "linear scale",
    )
    assert drawing.note == ""


def test_shares_are_percents_in_their_cells_as_elsewhere():
    metric = health_metric("entropy_share", "information", "Share")
    scan = scan_of(replace(site(0), head_metrics={"entropy_share": (0.004, 0.034)}))
    scan = replace(scan, metrics={"entropy_share": metric})
    drawing = heat_map(scan, "entropy_share", values(scan, "entropy_share"), {})
    assert (drawing.rows[0].numbers, drawing.legend.high) == (" .40  3.4 ", "3.4\u00a0%")


def test_a_metric_without_heads_has_no_map():
    scan = scan_of(replace(gpt_site(0), metrics={"entropy": 0.5}))
    assert drawn(scan) is None


def test_sites_that_are_too_many_share_rows_by_their_median():
    drawing = drawn(scan_of(site(0, 0.1), site(1, 0.3), site(2, 0.5), site(3, 0.9)), rows=2)
    assert [(english(row.label), row.anchor, row.numbers) for row in drawing.rows] == [
        ("0 … 1", "", " .20 "), ("2 … 3", "", " .70 ")
    ]  # fmt: skip
    assert english(drawing.note).startswith("4 sites: each row is the median of 2 neighbouring ones.")


def test_names_of_rows_are_cut_to_what_differs():
    sites = (replace(site(0, 0.1), id="encoder.layers.0.self_attn"), replace(site(1, 0.1), id="encoder.attn"))
    assert [english(row.label) for row in drawn(scan_of(*sites)).rows] == ["layers.0.self_attn", "attn"]
    assert [english(row.label) for row in drawn(scan_of(site(0, 0.1))).rows] == ["h.0.attn"]


def test_long_names_of_rows_keep_both_ends():
    sites = tuple(replace(site(n, 0.1), id=f"stage.{n}.{'x' * 50}.attn{n}") for n in (0, 1))
    first, second = (english(row.label) for row in drawn(scan_of(*sites)).rows)
    assert first == "0.xxxxxxxxxxxxxxxxx…xxxxxxxxxxxxx.attn0"
    assert second.startswith("1.")
    assert len(first) <= 40


def test_many_heads_have_smaller_cells_without_numbers():
    drawing = drawn(scan_of(site(0, *(0.1 for _ in range(40)))))
    assert drawing.rows[0].numbers == ""
    assert drawing.heads.split() == [str(head) for head in range(0, 40, 4)]


def test_where_numbers_are_too_many_the_maps_of_headlines_keep_theirs():
    (topic,) = health(many_maps(60)).topics
    assert [bool(row.map.rows[0].numbers) for row in (*topic.rows, *topic.more)] == [True, *[False] * 59]
    (topic,) = health(many_maps(50)).topics
    assert all(row.map.rows[0].numbers for row in (*topic.rows, *topic.more))


def many_maps(metrics):
    """24 sites of 16 heads: 384 cells per metric."""
    scan = scan_of(*(site(n) for n in range(24)))
    names = [f"measure_{n}" for n in range(metrics)]
    made = {n: replace(scan.metrics["entropy"], name=n, headline=n == "measure_0") for n in names}
    sites = tuple(replace(s, head_metrics=dict.fromkeys(names, (0.5,) * 16)) for s in scan.sites)
    return replace(scan, metrics=made, sites=sites)


def test_all_maps_together_fit_on_the_page():
    drawing = next(row.map for row in all_rows(health(wide_health_scan(200))) if row.map)
    assert len(drawing.rows) <= ROWS_DRAWN
    assert "each row is the median of" in english(drawing.note)


def test_pairs_show_their_ends_over_all_sites():
    scan = scan_of(gpt_site(0), gpt_site(1))
    scan = replace(
        scan, matrices=tuple(replace(matrix(s.id, n, 3), metric="entropy") for n, s in enumerate(scan.sites))
    )
    made = pairs(scan, "entropy", list(values(scan, "entropy").values()))
    assert [english(triangle.site) for triangle in made.triangles] == ["blocks.0.attn", "blocks.1.attn"]
    # pairs (a, b) of layer n have wave(n + a, b): of layer 0: 0.78, 0.40, 0.36; of layer 1: 0.49, 0.14, 0.23
    assert wave(0, 1) == 0.7797
    highest, lowest = made.table.rows[0][:3], made.table.rows[0][3:]
    assert len(made.table.rows) == 3  # half of the six pairs: none stands at both ends
    assert [english(cell) for cell in highest] == ["0.78", "0–1", "blocks.0.attn"]
    assert float(english(lowest[0])) == pytest.approx(
        min(wave(n + a, b) for n in (0, 1) for a, b in ((0, 1), (0, 2), (1, 2))), abs=5e-4
    )
    assert made.note == ""


def test_only_so_many_sites_have_a_triangle():
    scan = wide_health_scan(60)
    made = pairs(scan, "head_output_similarity", list(values(scan, "head_output_similarity").values()))
    assert len(made.triangles) == 24
    assert english(made.note).startswith("Showing 24 of 60.")


def test_a_line_over_depth_needs_three_sites():
    found = [Values(f"h.{n}", (value,), ((),)) for n, value in enumerate((0.0, 0.5, 1.0))]
    assert spark(found) == "M0,36L100,20L200,4"
    assert spark(found[:2]) == ""


def test_query_key_and_value_are_drawn_in_one_chart_over_depth():
    gradients = health(health_scan()).topics[0]
    (chart,) = gradients.charts
    assert [line.letter for line in chart.lines] == ["Q", "K", "V"]
    assert len(chart.lines[0].points) == 24
    assert [tick.text for tick in chart.y_ticks][-1] == "1"


def test_a_line_over_many_sites_has_the_medians_of_neighbours():
    scan = wide_health_scan(100)  # site n has 10 ** -(n / 6); two share a point
    line = health(scan).topics[0].charts[0].lines[0]
    assert len(line.points) == 50
    table = health(scan).topics[0].charts[0].table.rows
    assert [row[0] for row in table[:3]] == ["1", "3", "5"]
    assert float(table[0][1]) == pytest.approx((1 + 10 ** (-1 / 6)) / 2, abs=1e-3)


def test_gradients_of_activations_and_of_parameters_have_a_chart_each():
    scan = health_scan()
    names = {"q_proj_gradient_norm": "query", "k_proj_gradient_norm": "key", "v_proj_gradient_norm": "value"}
    metrics = {new: replace(scan.metrics[f"{old}_gradient_norm"], name=new) for new, old in names.items()}
    sites = tuple(replace(s, metrics={**s.metrics, **dict.fromkeys(names, 1.0)}) for s in scan.sites)
    drawn = health(replace(scan, metrics={**scan.metrics, **metrics}, sites=sites)).topics[0].charts
    assert [[line.letter for line in chart.lines] for chart in drawn] == [["Q", "K", "V"], ["Q", "K", "V"]]


def test_a_curve_of_health_is_drawn_in_its_row_and_may_reach_zero():
    scan = scan_of(site(0, 0.2), site(1, 0.4))
    curves = tuple(
        Curve(
            metric="entropy", site=f"h.{n}.attn", lengths=(128, 512), values=(0.5 + n, 0.0), method="measured"
        )
        for n in (0, 1)
    )
    row = only_row(replace(scan, curves=curves))
    (line,) = row.chart.lines
    assert [both(cell).en for cell in row.chart.table.rows[0]] == ["128", "1"]  # the median of 0.5 and 1.5
    assert line.points[-1] == ("470.0", "262.0")


def test_every_head_of_every_site_is_listed():
    content = health(scan_of(site(0, 0.25, 1.5e-6), replace(gpt_site(1), metrics={"entropy": 3.0}))).heads
    assert [english(each.site) for each in content.sites] == ["h.0.attn", "blocks.1.attn"]
    assert content.sites[0].blocks == ("             *      0      1\nentropy  0.125   0.25 1.5e-6",)
    assert content.sites[1].blocks == ("        *\nentropy 3",)
    assert content.note == ""


def test_more_heads_than_a_line_holds_begin_a_new_block():
    content = health(scan_of(site(0, *(float(n) for n in range(20))))).heads
    first, second = content.sites[0].blocks
    assert first.splitlines()[0].split() == ["*", *map(str, range(HEADS_IN_A_BLOCK))]
    assert second.splitlines()[1].split() == ["entropy", "16", "17", "18", "19"]


def test_sites_beyond_the_page_s_room_are_counted():
    content = health(wide_health_scan(100)).heads
    assert 0 < len(content.sites) < 100
    assert english(content.note) == f"Showing {len(content.sites)} of 100. All of them are in the saved scan."
    each = sum(len(block.split()) for block in content.sites[0].blocks)
    assert len(content.sites) * each < 1.2 * MERGED.numbers  # names and heads are words too


@pytest.mark.parametrize("value", [1e24, 1e308, 0, -0.0, 5e-324, -1, None])
def test_any_number_can_be_drawn(value):
    scan = scan_of(site(0, 0.0), site(1, 0.5), site(2, 1.0))
    numbers = tuple(
        replace(s, metrics={"entropy": value}, head_metrics={"entropy": (value, 1.0, value, value)})
        for s in scan.sites
    )
    curve = Curve(metric="entropy", site="", lengths=(1, 2), values=(value or 0, 1.0), method="measured")
    row = only_row(replace(scan, sites=numbers, curves=(curve,)))
    assert row.map is not None
    assert row.chart is not None
