"""The comment of a pull request: what it says, how long it is, and that no name can do anything in it."""

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from hostile_names import HOSTILE_NAMES
from judged_findings import mask_finding
from judged_scans import (
    judged_scan,
    judgement,
    many_findings,
    passed_scan,
    renamed_judged_scan,
    without_comparison,
)
from markdown_it import MarkdownIt
from sample_scans import empty_scan, gpt_scan

from attnprobe.report.judged.target import slug
from attnprobe.report.markdown.comment import comment
from attnprobe.report.markdown.escaping import code, prose

MARKER = re.compile(r"<!-- attnprobe:[\w.:/-]{0,100} -->")  # what the workflow that posts it asks for
GFM = MarkdownIt("commonmark", {"html": True}).enable("table")


class Reader(HTMLParser):
    """Which elements a page has, and its text outside of code."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.text, self.codes, self._open = [], [], [], []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self._open.append(tag)

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        (self.codes if "code" in self._open else self.text).append(data)


def read(markdown):
    return Reader(GFM.render(markdown))


def test_the_comment_starts_with_its_marker_and_the_verdict():
    lines = comment(judged_scan(), "en").splitlines()
    assert lines[:2] == [
        "<!-- attnprobe:model.py -->",
        "### attnprobe: ❌ 2 blocking findings, 1 budget broken",
    ]


def test_the_table_has_before_after_and_a_word_for_each_difference():
    text = comment(judged_scan(), "en")
    assert "|  | `origin/main (1a2b3c4)` | `working tree (abc1234)` | Δ |" in text
    assert "| FLOPs, forward | 1.44 TF | 1.53 TF | +6.1 % ▲ worse, over budget |" in text
    assert "| KV cache per token | 96 KiB | 48 KiB | −50 % ▼ better |" in text
    assert "≈ within the noise (±2.4 % over 7 paired runs) |" in text
    assert read(text).tags.count("table") == 1


def test_without_a_base_the_totals_stand_in_the_table():
    text = comment(without_comparison(), "en")
    assert "| FLOPs, forward | 1.53 TF |" in text
    assert "| KV cache per token | 48 KiB |" in text


def test_what_blocks_stands_above_the_fold_and_the_rest_below():
    above, below = comment(judged_scan(), "en").split("<details>")
    assert "**error AP105** `blocks.{0..23}.attn` · A mask value" in above
    assert "(`model.py:41`) → Use torch.finfo(dtype).min as the mask value. (exact)" in above
    assert "raise it in `[tool.attnprobe.budgets.delta] flops_forward, pyproject.toml:31`" in above
    assert "AP301" not in above
    assert "**warning AP301** `blocks.{0..23}.attn` · worsened ·" in below
    assert "−6 GiB, −45 % of the model (modelled)" in below
    assert "AP202 `blocks.3.attn` · until 2027-03-31 · retrieval heads need the full context" in below
    assert "- `AP502`: the inputs are random" in below


def test_no_more_than_20_lines_stand_above_the_fold():
    above = comment(judged_scan(), "en").split("<details>")[0]
    assert len([line for line in above.splitlines() if line]) <= 20


def test_the_fold_says_what_it_hides_and_is_closed():
    text = comment(judged_scan(), "en")
    summary = re.search("<summary>(.*)</summary>", text)[1]
    assert (
        summary == "3 new · 1 worsened · 1 known · 2 ignored · 5 sites or findings changed · 1 not measured"
    )
    assert text.count("<details>") == text.count("</details>") == 1
    assert read(text).tags.count("details") == 1


def test_the_end_says_what_gates_and_how_to_repeat_it():
    end = comment(judged_scan(), "en").rstrip().splitlines()[-1]
    assert end.startswith("Only exact numbers gate. · reproduce: `attnprobe diff --base 1a2b3c4 model.py ")
    assert end.endswith(" · `working tree (abc1234)`")
    assert "`attnprobe check model.py " in comment(without_comparison(), "en")


def test_no_change_is_one_line():
    assert comment(passed_scan(), "en") == "<!-- attnprobe:model.py -->\n✅ attnprobe: no change\n"
    assert comment(passed_scan(), "zh") == "<!-- attnprobe:model.py -->\n✅ attnprobe: 无变化\n"


def test_a_check_that_passes_with_changes_tells_them():
    scan = replace(judged_scan(), findings=(), budgets=(), judgement=judgement(passed=True))
    text = comment(scan, "en")
    assert "### attnprobe: ✅ No findings" in text
    assert "▲ worse" in text


def test_a_scan_that_nobody_judged_says_so():
    for scan in (gpt_scan(), empty_scan()):
        assert "### attnprobe: No rules were applied to this scan." in comment(scan, "en")


def test_the_chinese_comment_speaks_chinese():
    text = comment(judged_scan(), "zh")
    assert "### attnprobe: ❌ 2 项阻断结果、1 项预算超出" in text
    assert "掩码常数 −1e9 在 float16 中溢出" in text
    assert "blocking" not in text


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("severity", ["error", "warning"])
def test_findings_are_cut_whole_at_60000_characters(language, severity):
    scan = many_findings(2000, severity)
    scan = replace(scan, findings=tuple(replace(each, is_blocking=True) for each in scan.findings[:50])
                   + scan.findings[50:])  # fmt: skip
    text = comment(scan, language)
    assert 50_000 < len(text.encode("utf-16-le")) // 2 <= 60_000
    shown = len(re.findall(r"\*\*(?:error|warning|错误|警告) AP301\*\*", text))
    left_out = int(re.search(r"(?:省略了 )?(\d+) (?:lines were left out|行)", text)[1])
    everything = read(comment(many_findings(10, severity), language))
    others = 12  # budgets apart: sites 3, findings 2, obstacles 2, ignored 2, not measured 1, notice, stale
    assert shown + left_out in range(2000, 2000 + others + 1)
    assert everything.tags.count("details") == read(text).tags.count("details") == 1
    assert "attnprobe diff --base" in text


@pytest.mark.parametrize("name", HOSTILE_NAMES, ids=lambda name: ascii(name)[:24])
def test_a_hostile_name_stays_text(name):
    text = comment(renamed_judged_scan(name), "en")
    assert MARKER.fullmatch(text.splitlines()[0])
    assert len(text) <= 60_000
    page = read(text)
    allowed = {"h3", "p", "table", "thead", "tbody", "tr", "th", "td", "strong", "details", "summary", "ul",
               "li", "code"}  # fmt: skip
    assert set(page.tags) <= allowed
    assert page.tags.count("details") == text.count("</details>") == 1
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert len({len(re.findall(r"(?<!\\)\|", line)) for line in rows}) == 1
    outside = "".join(page.text)
    assert not re.search(r"@\w|#\d|https?://\w|www\.\w", outside)
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u202e\ud800]", text)


def test_mentions_references_and_addresses_are_broken_in_prose():
    assert prose("@everyone #1 GH-1 http://x.example www.x.example !2") == (
        "@&#8203;everyone #&#8203;1 GH&#8203;-1 http:&#8203;//x.example www&#8203;.x.example !&#8203;2"
    )


def test_prose_formats_nothing():
    inline = ("**b** _i_ `c` ~~s~~", "[a](b) ![c](d)", "<b>x</b> &amp;", "a | b", "$x$")
    for text in (*inline, "# a", "- a", "1. a", "===", "+ a"):
        page = read(prose(text))
        assert page.tags == ["p"], text
        assert "".join(page.text).strip() == text


def test_a_code_span_holds_any_number_of_backticks():
    for name in ("a`b", "``", "`", "a```b``", " x ", "a\\"):
        page = read(code(name))
        assert page.tags == ["p", "code"]
        assert "".join(page.codes).strip() == name.strip()
    assert code("") == "–"


def test_a_pipe_in_a_table_is_an_escape():
    assert code("a|b", in_table=True) == "`a\\x7cb`"
    assert code("a|b") == "`a|b`"


def test_the_marker_tells_targets_apart():
    def of(target):
        scan = judged_scan()
        return slug(replace(scan, model=replace(scan.model, target=target)))

    assert of("model.py:build") == "model.py:build"
    assert of("hf:llama") == "hf:llama"
    assert re.fullmatch(r"a-b-[0-9a-f]{8}", of("a --> b"))
    assert of("a --> b") != of("a -> b")
    assert re.fullmatch(r"passwd-[0-9a-f]{8}|passwd", of("../../etc/passwd"))
    assert len(of("x" * 1_000_000)) <= 80
    assert re.fullmatch("[0-9a-f]{8}", of("注意力"))
    assert re.fullmatch("[0-9a-f]{8}", of(""))


def test_a_location_with_hostile_parts_is_one_code_span():
    odd = replace(mask_finding().location, file="a`b.py")
    scan = replace(judged_scan(), findings=(replace(mask_finding(), location=odd),))
    assert "``a`b.py:41``" in comment(scan, "en")
