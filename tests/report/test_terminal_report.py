"""The summary for the terminal: its words, its width, what a stream can show."""

import io
import re
from dataclasses import replace

import pytest
from health_scans import health_scan
from hostile_names import HOSTILE_NAMES
from rich.cells import cell_len
from sample_scans import empty_scan, gpt_scan, renamed_scan, rich_scan, wide_scan

from attnprobe.records import NotMeasured
from attnprobe.report.parts.safe_text import safe
from attnprobe.report.summary.printing import fitted, print_summary, summary_text, wants_color
from attnprobe.report.terminal_report import report


class Terminal(io.StringIO):
    """A stream with an encoding that says whether it is a terminal."""

    def __init__(self, is_terminal: bool, encoding: str = "utf-8") -> None:
        super().__init__()
        self._is_terminal, self._encoding = is_terminal, encoding

    @property
    def encoding(self):
        return self._encoding

    def isatty(self):
        return self._is_terminal


def squeezed(text: str) -> str:
    return re.sub(r"\s+", " ", text)


def test_the_summary_says_where_the_cost_is():
    text = summary_text(gpt_scan(), "en")
    lines = [squeezed(line).strip() for line in text.splitlines()]
    assert lines[0] == ("attnprobe 0.1.0 · torch 2.13.0 cpu float32 · static: shapes alone, nothing was run")
    assert "Entry model.py:GPT() 271 M (1.01 GiB) parameters" in lines
    assert "Input ids int64[1, 2048] guessed: token ids below 8192, the rows of tok_emb" in lines
    assert "✓ trace 640 ms 24 attention sites in 2 groups" in lines
    assert "! time skipped: static scan" in lines
    # 24 sites x 27,917,287,424 FLOPs = 670 GF of 670 + 825 (24 x 16 x 2048 x 1024^2) + 34.4 GF
    assert "Attention 670 GF 44 % 864 MiB 33 % 48 KiB 100 %" in lines
    assert "Feed-forward 825 GF 54 % 1.69 GiB 65 % 0" in lines
    assert "A 16 / 4 × 64 2,048 × 2,048 math 503 GF 648 MiB 36 KiB" in lines
    assert "B 16 / 4 × 64 2,048 × 2,048 flash_attention_for_cpu 168 GF 216 MiB 12 KiB" in lines
    assert "Cross check fvcore 0.1.5: FLOPs, forward 1.54 TF, +0.4 %. fvcore also counts layer_norm." in lines
    assert (
        "Not measured Backward time, Forward time static scan: run without --static to measure time" in lines
    )


def test_health_is_told_in_a_few_lines_with_the_place_of_the_extremes():
    text = summary_text(health_scan(), "en", width=160)
    lines = [squeezed(line).strip() for line in text.splitlines()]
    start = next(place for place, line in enumerate(lines) if line.startswith("Health: "))
    assert "means little on random inputs" in lines[start]
    # wave: 0.05 is reached where 0.7 layer + 0.9 head is an odd multiple of pi, 0.95 at head 0 of layer 0
    assert lines[start + 1].startswith(
        "Gradients Norm of the gradient number 0, against its weight* A 0.476, B 0.513 0.05 ("
    )
    topics = ("Gradients", "Heads", "Information", "Approximability", "Correctness")
    firsts = [line.split()[0] for line in lines[start + 1 :] if line.startswith(topics)]
    assert firsts == list(topics)
    assert "Not measured 4 metrics of health the model has no mask to leak" in squeezed(text)


def test_a_reason_that_cost_and_health_share_names_cost_and_counts_health():
    names = ("forward_ms", "correctness_measure_2", "correctness_measure_3")
    missing = tuple(NotMeasured(metric=name, site="", reason="nothing ran") for name in names)
    text = squeezed(summary_text(replace(health_scan(), not_measured=missing), "en"))
    assert "Not measured Forward time, 2 metrics of health nothing ran" in text


def test_health_on_given_data_is_told_without_a_warning():
    text = summary_text(health_scan("given"), "en", width=160)
    assert "means little" not in text
    assert "against its weight*" not in text
    assert "Health" not in summary_text(gpt_scan(), "en")


def test_what_was_not_seen_is_in_the_summary():
    text = squeezed(summary_text(rich_scan(), "en"))
    assert "Not seen vision.tower a scripted module shows no ops model.py:90" in text
    assert "No formula my_ext.fused_norm ×24 Register a formula for it." in text
    assert "1 finding (1 error)" in text


def test_no_attention_is_said_and_no_empty_table_is_drawn():
    text = summary_text(empty_scan(), "en")
    assert "No attention was found in this model." in text
    assert "Where the cost is" not in text


def test_stages_can_be_left_out_where_progress_has_shown_them():
    assert "640 ms" in summary_text(gpt_scan(), "en")
    assert "640 ms" not in summary_text(gpt_scan(), "en", has_stages=False)


def test_many_groups_are_cut_and_counted():
    assert "and 80 more groups, in the report" in summary_text(wide_scan(100, is_grouped=False), "en")


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("width", [40, 60, 80, 95, 96, 120, 200])
def test_no_line_is_wider_than_the_terminal(width, language):
    for scan in (rich_scan(), empty_scan(), renamed_scan("x" * 1000, "heads"), health_scan()):
        for line in summary_text(scan, language, width=width).splitlines():
            assert cell_len(line) <= width


def test_nothing_is_lost_where_it_is_narrow():
    text = squeezed(summary_text(gpt_scan(), "en", width=40))
    for words in ("Attention 670 GF 44 %", "FLOPs 503 GF", "KV / token 36 KiB", "16 / 4 × 64"):
        assert words in text


@pytest.mark.parametrize("name", HOSTILE_NAMES, ids=lambda name: ascii(name)[:24])
def test_a_hostile_name_cannot_steer_the_terminal(name):
    text = summary_text(renamed_scan(name, "heads"), "en", width=400)
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b\u2028\u202e\ud800]", text)
    assert not re.search(r"(?m)^\s*::|##\[", text)
    if len(name) < 60 and "##[" not in name:
        assert squeezed(safe(name)) in squeezed(text)


def test_a_colored_summary_holds_no_other_escapes_than_colors():
    text = summary_text(renamed_scan("\x1b]0;title\x07"), "en", is_colored=True)
    assert "\x1b[" in text
    assert "\x1b" not in re.sub(r"\x1b\[[\d;]*m", "", text)


def test_a_stream_that_is_not_unicode_gets_look_alikes_of_the_same_width():
    for encoding in ("ascii", "latin-1", "cp1252", "gbk"):
        stream = Terminal(is_terminal=False, encoding=encoding)
        print_summary(gpt_scan(), stream, "en")
        stream.getvalue().encode(encoding)
    assert fitted("  ✓  2 × 3 – …", "ascii") == "  +  2 x 3 - ~"
    assert fitted("注意力 ×2", "ascii") == "\\u6ce8\\u610f\\u529b x2"


def test_colors_only_where_they_are_seen_and_wanted():
    assert wants_color(Terminal(is_terminal=True), {})
    assert not wants_color(Terminal(is_terminal=False), {})
    assert not wants_color(Terminal(is_terminal=True), {"NO_COLOR": "1"})
    assert not wants_color(Terminal(is_terminal=True), {"TERM": "dumb"})


def test_the_width_of_a_terminal_is_used(monkeypatch):
    monkeypatch.setenv("COLUMNS", "50")
    stream = Terminal(is_terminal=True)
    print_summary(gpt_scan(), stream, "en", is_colored=False)
    assert max(map(cell_len, stream.getvalue().splitlines())) <= 50


def test_the_file_is_the_plain_summary_in_utf_8():
    assert report.render(gpt_scan(), "zh").decode("utf-8") == summary_text(gpt_scan(), "zh")
