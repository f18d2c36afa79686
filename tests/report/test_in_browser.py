"""The page in Chromium: nothing is fetched, nothing is blocked, everybody can read it."""

from dataclasses import replace

import pytest
from axe_playwright_python.sync_playwright import Axe
from browsing import CHROMIUM, OPEN_ALL
from full_scans import full_scan
from health_scans import health_scan, wide_health_scan
from hostile_names import HOSTILE_NAMES
from judged_scans import judged_scan, passed_scan, renamed_judged_scan
from playwright.sync_api import Page
from sample_scans import empty_scan, gpt_scan, renamed_scan, rich_scan, wide_scan

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="needs Debian's chromium at /usr/bin/chromium"),
]


def open_count(page: Page) -> int:
    return page.locator("details[open]").count()


@pytest.mark.parametrize(
    "scan",
    [rich_scan(), empty_scan(), wide_scan(200, False), health_scan(), full_scan(gpt_scan(), fired=66)],
    ids=["rich", "empty", "wide", "health", "66 rules"],
)
def test_nothing_is_fetched_and_nothing_is_blocked(opened, scan):
    page = opened(scan)
    page.evaluate(OPEN_ALL)
    assert [url for url in page.requested if not url.startswith("data:")] == [page.url]
    assert page.evaluate("trouble") == []
    assert page.logged == []


@pytest.mark.parametrize("name", HOSTILE_NAMES[:7], ids=lambda name: ascii(name)[:24])
def test_a_hostile_name_runs_nothing(opened, name):
    for scan in (renamed_scan(name, "heads"), renamed_judged_scan(name)):
        page = opened(scan)
        page.evaluate(OPEN_ALL)
        assert page.evaluate("trouble") == []
        assert page.logged == []
        assert [url for url in page.requested if not url.startswith("data:")] == [page.url]
        assert page.locator("img, iframe, object, main script, main style").count() == 0


@pytest.mark.parametrize(
    ("scan", "scheme", "language"),
    [
        (rich_scan(), "light", "en"),
        (rich_scan(), "light", "zh"),
        (rich_scan(), "dark", "en"),
        (rich_scan(), "dark", "zh"),
        (empty_scan(), "light", "en"),
        (wide_scan(50, False), "light", "zh"),
        (health_scan(), "light", "en"),
        (health_scan(), "dark", "zh"),
        (judged_scan(), "light", "en"),
        (judged_scan(), "light", "zh"),
        (judged_scan(), "dark", "en"),
        (judged_scan(), "dark", "zh"),
        (passed_scan(), "light", "zh"),
        (full_scan(gpt_scan(), fired=66), "light", "en"),
    ],
    ids=[
        *("light-en", "light-zh", "dark-en", "dark-zh", "empty", "wide", "health-light", "health-dark"),
        *("judged-light-en", "judged-light-zh", "judged-dark-en", "judged-dark-zh", "passed", "66 rules"),
    ],
)
def test_axe_finds_nothing(opened, scan, scheme, language):
    page = opened(scan, language, color_scheme=scheme)
    page.evaluate(OPEN_ALL)
    violations = Axe().run(page).response["violations"]
    assert [(v["id"], v["nodes"][0]["target"]) for v in violations] == []


@pytest.mark.parametrize(
    "scan",
    [
        wide_scan(1000),
        wide_scan(1000, False),
        wide_health_scan(1000, False),
        full_scan(wide_scan(1000, False), 66),
    ],
    ids=["one group", "1,000 groups", "1,000 groups with health", "1,000 groups, 66 rules"],
)
def test_a_thousand_sites_are_readable_within_a_second(opened, scan):
    finished = "performance.timing.domContentLoadedEventEnd - performance.timing.navigationStart"
    assert min(opened(scan).evaluate(finished) for _ in range(3)) <= 1000


@pytest.mark.parametrize(
    ("scan", "language"),
    [
        (rich_scan(), "en"),
        (rich_scan(), "zh"),
        (health_scan(), "en"),
        (judged_scan(), "en"),
        (judged_scan(), "zh"),
        (renamed_judged_scan("x" * 1000), "en"),
    ],
    ids=["rich-en", "rich-zh", "health", "judged-en", "judged-zh", "long names"],
)
@pytest.mark.parametrize("width", [360, 768, 1366])
def test_the_page_is_never_wider_than_the_window(opened, width, scan, language):
    page = opened(scan, language, viewport={"width": width, "height": 800})
    page.evaluate(OPEN_ALL)
    for size in ("100%", "140%"):  # 140 %: as if every text were that much longer
        page.evaluate(f"document.documentElement.style.fontSize = '{size}'")
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_without_javascript_everything_can_be_read(opened):
    page = opened(gpt_scan(), java_script_enabled=False)
    assert page.locator("h1").inner_text().startswith("Attention is 44")
    assert not page.locator("#switch-language").is_visible()
    page.locator("#group-A > summary").click()
    assert page.locator("#group-A").get_by_text("blocks.0.attn", exact=True).is_visible()


def test_a_fragment_opens_its_group_without_javascript(opened):
    page = opened(gpt_scan(), fragment="#findings", java_script_enabled=False)
    assert page.locator("#findings").is_visible()
    page = opened(rich_scan(), fragment="#f-3fa94c1b2e6d7a80", java_script_enabled=False)
    assert page.locator("#f-3fa94c1b2e6d7a80 .message").is_visible()


@pytest.mark.parametrize("has_script", [True, False])
def test_a_row_of_a_map_leads_to_every_number_of_its_site(opened, has_script):
    page = opened(health_scan(), java_script_enabled=has_script)
    row = page.locator(".measure", has_text="gradients_measure_0").first
    row.locator("summary").click()
    row.locator("svg.heat a").nth(5).click()
    numbers = page.locator("#s5 pre")
    assert numbers.is_visible()
    assert numbers.inner_text().split("\n")[1].split()[0] == "gradients_measure_0"


def test_the_numbers_of_a_map_stand_in_their_cells(opened):
    page = opened(health_scan())
    page.locator(".measure summary").first.click()
    cells = page.locator("svg.heat .cells text").nth(3)
    left, width = cells.evaluate("(text) => [text.getBBox().x, text.getBBox().width]")
    assert abs(left) < 2
    assert abs(width - 16 * 32) < 4
    tenth = cells.evaluate("(text) => text.getStartPositionOfChar(10 * 5 + 1).x")
    assert abs(tenth - (10 * 32 + 6.4)) < 4  # one letter of five into the cell


def test_the_language_can_be_switched_and_back(opened):
    page = opened(gpt_scan())
    assert page.locator("h1").inner_text().startswith("Attention is")
    page.locator("#switch-language").click()
    assert page.locator("h1").inner_text().startswith("注意力占")
    assert page.evaluate("document.documentElement.lang") == "zh-Hans"
    page.locator("#switch-language").click()
    assert page.evaluate("document.documentElement.lang") == "en"


def test_no_text_stays_in_the_other_language(opened):
    page = opened(gpt_scan(), "zh")
    page.evaluate(OPEN_ALL)
    words = page.locator("main h2, main h3, thead th, dt, caption, .bar-title, nav").all_inner_texts()
    for text in words:
        if text and not any("\u4e00" <= letter <= "\u9fff" for letter in text):
            assert text in {
                "attnprobe",
                "torch",
                "Python",
                "fvcore",
                "transformers",
                "lengths",
                "FLOPs",
                "Dropout",
            } or ("blocks." in text), text


def background(page: Page) -> str:
    return page.evaluate("getComputedStyle(document.body).backgroundColor")


def test_the_theme_follows_the_system_and_can_be_chosen(opened):
    light, dark = background(opened(gpt_scan())), background(opened(gpt_scan(), color_scheme="dark"))
    assert light != dark
    page = opened(gpt_scan())
    page.locator("#switch-theme").click()
    assert background(page) == light
    page.locator("#switch-theme").click()
    assert background(page) == dark
    page.reload()
    assert background(page) == dark
    page.locator("#switch-theme").click()
    assert background(page) == light


def test_print_is_light_and_complete(opened):
    ink = "getComputedStyle(document.body).color"
    light = opened(gpt_scan()).evaluate(ink)
    page = opened(gpt_scan(), color_scheme="dark")
    for _ in ("light", "dark"):
        page.locator("#switch-theme").click()
    assert page.evaluate(ink) != light
    page.emulate_media(media="print", color_scheme="dark")
    assert page.evaluate(ink) == light
    assert not page.locator(".top").is_visible()
    before = open_count(page)
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert open_count(page) == page.locator("details").count()
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert open_count(page) == before


def test_a_wide_map_fits_on_paper(opened):
    scan = health_scan()
    wide = {"gradients_measure_0": tuple(0.5 for _ in range(24))}
    page = opened(replace(scan, sites=tuple(replace(site, head_metrics=wide) for site in scan.sites)))
    page.locator(".measure summary").first.click()
    page.emulate_media(media="print")
    page.set_viewport_size({"width": 700, "height": 1000})
    assert page.locator("svg.heat").first.bounding_box()["width"] <= 700


def test_print_leaves_out_what_only_was_a_click_away(opened):
    page = opened(health_scan())
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    page.emulate_media(media="print")
    assert page.locator("#health-gradients-1").is_visible()
    assert not page.locator("#health-gradients-more-1").is_visible()
    assert not page.locator("#s0").is_visible()


def test_everything_is_reached_by_keyboard(opened):
    page = opened(gpt_scan())
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.parentElement.id") == "group-A":
            break
    page.keyboard.press("Enter")
    assert page.locator("#group-A").get_attribute("open") is not None


def test_groups_are_found_by_typing(opened):
    page = opened(wide_scan(30, is_grouped=False))
    page.keyboard.press("/")
    page.keyboard.type("BLOCKS.7.")
    assert page.locator(".group:visible").count() == 1
    assert page.locator("#filter-count").inner_text() == "1 / 30"
    page.locator("#open-all").click()
    assert page.locator(".group[open]").count() == 1
    page.locator("#filter").fill("")
    assert page.locator(".group:visible").count() == 30


def test_the_page_works_in_a_sandboxed_frame_without_storage(opened, tmp_path):
    page = opened(gpt_scan())
    outer = tmp_path / "outer.html"
    outer.write_text('<iframe sandbox="allow-scripts" src="report.html" width="900" height="700"></iframe>')
    page.goto(outer.as_uri())
    frame = page.frames[1]
    frame.locator("#switch-theme").click()
    frame.locator("#switch-language").click()
    assert frame.locator("h1").inner_text().startswith("注意力占")
    assert page.logged == []


def test_bars_keep_their_colors_where_colors_are_forced(opened):
    page = opened(gpt_scan(), forced_colors="active")
    fills = page.evaluate(
        "[...document.querySelectorAll('.fills .strong')].map((e) => getComputedStyle(e).fill)"
    )
    assert set(fills) != {"rgb(0, 0, 0)"}
