"""The words: every key in both languages, every key in use, every use with a key."""

import json
import re
import string
from pathlib import Path

import pytest

from attnprobe.errors import UsageError
from attnprobe.report.parts.catalogue import Text, check_language, join, say, say_or, strings
from attnprobe.report.parts.order import METRICS, PARTS
from attnprobe.resources import resource_dir

TEMPLATES = resource_dir("templates")
ENTRIES = json.loads((TEMPLATES / "strings.json").read_text(encoding="utf-8"))
REPORT = Path(__file__).parents[2] / "attnprobe" / "report"
SOURCES = [
    path.read_text(encoding="utf-8") for path in (*REPORT.glob("**/*.py"), *TEMPLATES.glob("**/*.html"))
]


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_the_catalogue_gives_no_key_twice():
    def unique(pairs):
        assert len(dict(pairs)) == len(pairs)
        return dict(pairs)

    json.loads((TEMPLATES / "strings.json").read_text(encoding="utf-8"), object_pairs_hook=unique)


@pytest.mark.parametrize("key", ENTRIES)
def test_every_key_has_both_languages_with_the_same_placeholders(key):
    assert set(ENTRIES[key]) == {"en", "zh"}
    assert placeholders(ENTRIES[key]["en"]) == placeholders(ENTRIES[key]["zh"])
    assert ENTRIES[key]["en"]


def test_sentences_in_chinese_end_in_its_full_stop():
    for key, entry in ENTRIES.items():
        if entry["en"].endswith(".") and "{explanation}" not in key:
            assert entry["zh"].endswith(("。", "}")), key
        assert not re.search(r"[\u4e00-\u9fff][,;:?!]", entry["zh"]), key


def test_every_key_that_is_said_exists():
    said = {key for source in SOURCES for key in re.findall(r'say(?:_svg)?\("([\w.]+)"', source)}
    assert said
    for key in said:
        assert key in ENTRIES or f"{key}.one" in ENTRIES, key


def test_every_key_is_in_use():
    text = "\n".join(SOURCES)
    families = set(re.findall(r'"([a-z_]+)\.\{', text)) | {"growth", "roofline"}
    sections = set(re.findall(r'_section\("(\w+)"', text))
    for key in ENTRIES:
        stem = key.removesuffix(".one").removesuffix(".other")
        family = key.split(".")[0]
        assert stem in text or family in families or family in sections, key


def test_every_known_metric_and_part_has_a_title():
    for name in METRICS:
        assert f"metric.{name}" in ENTRIES
    for part in (*PARTS, "other"):
        assert f"part.{part}" in ENTRIES


def test_a_count_chooses_the_plural():
    assert say("count.sites", count="1").en == "1 site"
    assert say("count.sites", count="24").en == "24 sites"
    assert say("count.sites", count="24").zh == "24 处"


def test_a_name_with_braces_is_not_a_placeholder():
    assert say("fact.function", name="{count.__class__}").en == "in {count.__class__}"


def test_a_text_inside_a_text_speaks_the_same_language():
    text = say("kind.multi", mechanism=say("mechanism.linear"))
    assert text == Text("multi-head linear attention", "多头线性注意力")


def test_texts_are_joined_with_the_separator_of_the_language():
    assert join(("a", Text("b", "乙"))) == Text("a, b", "a、乙")


def test_an_unknown_key_gives_way_to_a_name():
    assert say_or("mechanism.holographic", "holographic") == "holographic"


def test_no_report_is_written_in_another_language():
    with pytest.raises(UsageError, match="'fr'"):
        check_language("fr")
    assert set(strings()) == set(ENTRIES)
