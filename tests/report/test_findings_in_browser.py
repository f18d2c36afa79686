"""Findings in Chromium: found by filter, key and address; read without JavaScript, mouse or screen."""

import pytest
from browsing import CHROMIUM, OPEN_ALL
from judged_findings import FINGERPRINTS
from judged_scans import judged_scan, many_findings

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="needs Debian's chromium at /usr/bin/chromium"),
]

SCORES = f"#f-{FINGERPRINTS['AP301']}"
CARD = f".finding:has({SCORES})"


def shown(page) -> list[str]:
    return page.locator(".finding:visible .rule-id").all_inner_texts()


def test_the_verdict_the_budgets_and_the_first_findings_are_above_the_fold(opened):
    for language in ("en", "zh"):
        page = opened(judged_scan(), language)
        for place in ("h1", ".opening .gauge >> nth=2", ".teaser >> nth=2", ".summary .warning"):
            box = page.locator(place).bounding_box()
            assert box["y"] + box["height"] <= 768, place


def test_a_finding_in_short_leads_to_its_card(opened):
    page = opened(judged_scan())
    page.locator(".teaser").nth(2).click()
    page.locator(f"{SCORES} .message").wait_for(state="visible")  # fails after its own patience
    assert page.evaluate("location.hash") == SCORES


@pytest.mark.parametrize("has_script", [True, False])
def test_the_address_of_a_finding_opens_its_card(opened, has_script):
    page = opened(judged_scan(), fragment=SCORES, java_script_enabled=has_script)
    assert page.locator(f"{SCORES} .message").is_visible()
    assert 50 <= page.locator(CARD).bounding_box()["y"] <= 200  # below the bar at the top
    assert page.locator(".finding[open]").count() == 1


def test_filters_narrow_the_list_and_are_undone(opened):
    page = opened(judged_scan())
    assert len(shown(page)) == 7
    page.locator("[data-by=severity][data-value=warning]").click()
    assert shown(page) == ["AP301", "AP302", "AP601"]
    page.locator("[data-by=category][data-value=memory]").click()
    assert shown(page) == ["AP301", "AP302"]
    assert page.locator("#finding-count").inner_text() == "2 / 7"
    assert page.locator("[data-by=category][aria-pressed=true]").inner_text() == "Memory"
    for name in ("severity", "category"):
        page.locator(f"[data-by={name}]").first.click()
    assert len(shown(page)) == 7
    assert page.locator("#finding-count").inner_text() == ""


def test_a_slash_leads_to_the_filter_and_typing_finds(opened):
    page = opened(judged_scan())
    page.keyboard.press("/")
    page.keyboard.type("kv CACHE")
    assert shown(page) == ["AP302"]


def test_a_link_to_a_finding_that_is_filtered_out_shows_it(opened):
    page = opened(judged_scan())
    page.locator("[data-by=severity][data-value=error]").click()
    page.locator(".teaser").nth(2).click()
    page.locator(f"{SCORES} .message").wait_for(state="visible")  # fails after its own patience


def test_without_javascript_everything_is_shown_and_no_dead_button_is(opened):
    page = opened(judged_scan(), java_script_enabled=False)
    assert len(shown(page)) == 7
    assert not page.locator("#finding-tools").is_visible()
    page.locator(f"{CARD} > summary").click()
    assert page.locator(f"{SCORES} .ways").is_visible()
    page.locator(f"{SCORES} details.more > summary").click()
    assert page.locator(f"{SCORES} .snippet pre").first.is_visible()
    assert not page.locator(f"{SCORES} .copy").first.is_visible()


def test_an_ignore_is_copied_or_at_least_selected(opened):
    page = opened(judged_scan(), fragment=SCORES)
    page.locator(f"{SCORES} details.more > summary").click()
    page.locator(f"{SCORES} .copy").first.click()
    assert page.evaluate("getSelection().toString()").startswith('[[tool.attnprobe.ignore]]\nrule = "AP301"')
    assert page.evaluate("trouble") == []


def test_a_card_is_reached_and_opened_by_keyboard(opened):
    page = opened(judged_scan())
    page.locator("#finding-filter").focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.locator(".finding[open]").count() == 1
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('.finding') !== null")


def test_on_paper_every_card_is_open_but_not_its_ignore(opened):
    page = opened(judged_scan())
    page.locator("[data-by=severity][data-value=error]").click()
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    page.emulate_media(media="print")
    assert page.locator(f"{SCORES} .message").is_visible()
    assert page.locator(f"{SCORES} details table").first.is_visible()
    assert not page.locator(f"{SCORES} .snippet").first.is_visible()
    assert not page.locator("#finding-tools").is_visible()


def test_no_word_of_ours_stays_in_english_in_a_chinese_page(opened):
    page = opened(judged_scan(), "zh")
    page.evaluate(OPEN_ALL)
    places = "#findings :is(h3, thead th, dt, caption), .chip, .badge, .tally, .gauge-state"
    names = ("Saved scores", "Mask constant", "Most alike", "FLOPs")
    for text in page.locator(places).all_inner_texts():
        has_chinese = any("\u4e00" <= letter <= "\u9fff" for letter in text)
        assert not text.strip() or has_chinese or text.startswith(names), text


def test_many_findings_stay_one_line_each_until_opened(opened):
    page = opened(many_findings(100))
    heights = page.locator(".finding").evaluate_all("(all) => all.map((each) => each.offsetHeight)")
    assert max(heights) <= 90
