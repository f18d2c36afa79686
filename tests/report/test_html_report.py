"""The page as a file: what it may hold, how large it is, what a hostile name does to it (nothing)."""

import hashlib
import re
from base64 import b64encode
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise

import pytest
from full_scans import full_scan
from health_scans import health_scan, wide_health_scan
from hostile_names import HOSTILE_NAMES
from judged_scans import judged_scan, many_findings, passed_scan, renamed_judged_scan
from sample_scans import empty_scan, gpt_scan, gpt_site, renamed_scan, rich_scan, wide_scan

from attnprobe.errors import UsageError
from attnprobe.report.html_report import report
from attnprobe.report.parts.safe_text import safe

VOID = {"meta", "link", "wbr", "input", "img", "br", "hr"}


class Page(HTMLParser):
    """Elements, attributes and texts of a page; raises on a tag that is not closed."""

    def __init__(self, content: bytes) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.blocks: dict[str, list[str]] = {"script": [], "style": []}
        self._open: list[str] = []
        self.feed(content.decode("utf-8"))
        self.close()
        assert not self._open, self._open

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        if self._open and self._open[-1] in self.blocks:
            self.blocks[self._open[-1]].append(data)
        else:
            self.texts.append(data)

    @property
    def text(self) -> str:
        return "".join(self.texts)

    def tags(self) -> list[str]:
        return [tag for tag, _ in self.elements]


def shape(page: Page) -> list[str]:
    """The elements in their order, without those that a long name or code in the text of a rule brings."""
    return [tag for tag in page.tags() if tag not in ("wbr", "code")]


SCANS = {
    "empty": empty_scan(),
    "gpt": gpt_scan(),
    "rich": rich_scan(),
    "wide": wide_scan(100, False),
    "health": health_scan(),
    "judged": judged_scan(),
    "passed": passed_scan(),
    "full": full_scan(health_scan()),
    "many": many_findings(100),
}


@pytest.fixture(scope="module", params=SCANS)
def page(request):
    return Page(report.render(SCANS[request.param], "en"))


def test_the_policy_allows_exactly_the_one_style_and_the_one_script(page):
    (policy,) = [a["content"] for _, a in page.elements if a.get("http-equiv") == "Content-Security-Policy"]
    for kind in ("script", "style"):
        (content,) = page.blocks[kind]
        digest = b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy


def test_no_attribute_carries_style_or_script(page):
    for tag, attributes in page.elements:
        for name in attributes:
            assert name != "style", tag
            assert not name.startswith("on"), tag


def test_nothing_is_loaded_from_elsewhere(page):
    for tag, attributes in page.elements:
        for name in ("src", "srcset", "action", "xlink:href", "formaction"):
            assert name not in attributes, tag
        href = attributes.get("href")
        assert href is None or href.startswith("#") or (tag == "link" and href == "data:,")


def test_ids_are_unique_and_every_reference_has_its_target(page):
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    for _, attributes in page.elements:
        target = attributes.get("aria-labelledby") or attributes.get("for")
        assert target is None or target in ids
        href = attributes.get("href") or ""
        assert not href.startswith("#") or href[1:] in ids
        for fill in re.findall(r"url\(#([\w-]+)\)", attributes.get("fill") or ""):
            assert fill in ids


def test_headings_do_not_skip_a_level(page):
    levels = [int(tag[1]) for tag in page.tags() if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    for before, here in pairwise(levels):
        assert here <= before + 1


def test_both_languages_are_in_the_page(page):
    assert "What this file contains" in page.text
    assert "本文件包含什么" in page.text


def test_the_same_scan_gives_the_same_bytes():
    assert report.render(rich_scan(), "en") == report.render(rich_scan(), "en")


def test_the_language_is_the_one_in_which_the_page_opens():
    for language, tag in (("en", "en"), ("zh", "zh-Hans")):
        (root,) = [a for t, a in Page(report.render(gpt_scan(), language)).elements if t == "html"]
        assert root == {"lang": tag, "data-language": language}
    with pytest.raises(UsageError):
        report.render(gpt_scan(), "fr")


@pytest.mark.parametrize(
    ("scan", "kilobytes"),
    [
        (empty_scan(), 120),
        (gpt_scan(), 400),
        (wide_scan(1000), 2000),
        (wide_scan(1000, is_grouped=False), 2000),
        (wide_scan(20_000), 2000),
        (health_scan(), 900),
        (wide_health_scan(1000), 2000),
        (wide_health_scan(1000, is_grouped=False), 2000),
        (full_scan(gpt_scan()), 400),
        (full_scan(wide_scan(1000), fired=66), 2000),
        (full_scan(wide_scan(1000, is_grouped=False), fired=66), 2000),
        (full_scan(wide_health_scan(1000, is_grouped=False)), 2000),
        (many_findings(2000), 2000),
    ],
    ids=[
        "empty",
        "24 layers",
        "1,000 sites in a group",
        "1,000 groups",
        "20,000 sites",
        "24 layers of 16 heads with 80 metrics of health",
        "1,000 sites in a group with health",
        "1,000 groups with health",
        "24 layers, 66 rules",
        "1,000 sites in a group, 66 rules that fired",
        "1,000 groups, 66 rules that fired",
        "1,000 groups with health, 66 rules",
        "2,000 findings",
    ],
)
def test_the_page_keeps_its_size(scan, kilobytes):
    assert len(report.render(scan, "en")) <= kilobytes * 1000


@pytest.mark.parametrize("topic", ["cost", "heads"])
@pytest.mark.parametrize("name", HOSTILE_NAMES, ids=lambda name: ascii(name)[:24])
def test_a_hostile_name_is_text_and_nothing_else(name, topic):
    page = Page(report.render(renamed_scan(name, topic), "en"))
    harmless = Page(report.render(renamed_scan("harmless", topic), "en"))
    assert shape(page) == shape(harmless)
    assert safe(name) in page.text
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u2028\u202e]", page.text)


@pytest.mark.parametrize("name", HOSTILE_NAMES, ids=lambda name: ascii(name)[:24])
def test_a_hostile_name_in_a_finding_or_a_rule_is_text_and_nothing_else(name):
    page = Page(report.render(renamed_judged_scan(name), "en"))
    harmless = Page(report.render(renamed_judged_scan("harmless"), "en"))
    assert shape(page) == shape(harmless)
    assert page.text.count(safe(name)) >= 30
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u2028\u202e]", page.text)


def test_code_in_the_text_of_a_rule_is_set_as_code():
    page = report.render(renamed_judged_scan("call `f(<x>)` twice"), "en").decode()
    assert "call <code>f(&lt;x&gt;)</code> twice" in page


def test_rules_that_passed_cost_a_line_each():
    one, many = (len(report.render(full_scan(gpt_scan(), fired=0, rules=n), "en")) for n in (8, 66))
    assert (many - one) / 58 <= 250


def test_an_empty_name_still_has_a_row():
    assert "(model)" in Page(report.render(renamed_scan(""), "en")).text


def test_names_that_occur_twice_are_both_shown():
    twin = replace(gpt_scan(), sites=(gpt_site(0), gpt_site(0)))
    assert "×2" in Page(report.render(twin, "en")).text


@pytest.mark.parametrize("value", [1e24, 1e308, 0, -0.0, 5e-324, 2**53 + 1, -1, None])
def test_any_number_can_be_drawn(value):
    site = replace(
        gpt_site(0), metrics=dict.fromkeys(gpt_site(0).metrics, value), head_dim=0, q_len=0, kv_len=0,
        num_heads=0, num_kv_heads=0, visible_share=0.0, scale=0.0,
    )  # fmt: skip
    scan = rich_scan()
    scan = replace(scan, sites=(site,), totals=dict.fromkeys(scan.totals, value))
    if value is not None:
        shares = tuple(replace(share, value=value, share=0.0) for share in scan.cost_shares)
        scan = replace(scan, cost_shares=shares)
    assert "<h1" in report.render(scan, "en").decode()


def test_large_counts_keep_every_digit():
    site = replace(gpt_site(0), metrics={"flops_forward": 2**53 + 1})
    assert "9,007,199,254,740,993" in report.render(replace(gpt_scan(), sites=(site,)), "en").decode()
