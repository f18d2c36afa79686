"""The metric dictionary: one entry per name, in words that a reader can use, and its printed page."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import get_args

import pytest

from attnprobe.dictionary import TOPICS, by_topic, entries, page
from attnprobe.records import Probe, Topic
from attnprobe.registry import Plugin, discover
from attnprobe.report.parts.order import HEADLINES
from attnprobe.resources import resource_dir

KNOWN = entries(own=True)
PAGE = Path(__file__).parent.parent / "docs" / "metrics.md"


def test_the_page_is_what_the_probes_say() -> None:
    # To renew it: python -m attnprobe.dictionary > docs/metrics.md
    assert PAGE.read_text(encoding="utf-8") == page(KNOWN)


def test_no_two_probes_give_one_name() -> None:
    probes: dict[str, Plugin[Probe]] = dict(discover("attnprobe.probes", "probe"))
    names = Counter(metric.name for probe in probes.values() for metric in probe.value.metrics)
    assert [name for name, times in names.items() if times > 1] == []


def test_every_topic_has_a_title_and_every_metric_a_topic() -> None:
    assert tuple(TOPICS) == get_args(Topic)
    assert sum(len(own) for _, own in by_topic(KNOWN)) == len(KNOWN)


@pytest.mark.parametrize("name", KNOWN)
def test_a_metric_says_what_it_is(name: str) -> None:
    metric = KNOWN[name].metric
    assert re.fullmatch(r"[a-z][a-z0-9_]*", name)
    assert metric.title[0].isupper() or metric.title.startswith(("k_proj", "q_proj", "v_proj", "o_proj"))
    assert not metric.title.endswith(".")
    assert not metric.title.startswith(
        ("The same", "The smallest of them")
    )  # it is read without its neighbours
    assert metric.unit
    assert len(metric.method) > 10
    if metric.topic != "cost":
        assert metric.not_said


def test_the_headlines_that_reports_put_first_exist() -> None:
    for name in HEADLINES:
        assert KNOWN[name].metric.headline, name


def test_titles_in_chinese_belong_to_metrics_that_exist() -> None:
    titles = json.loads((resource_dir("templates") / "metric_titles.zh.json").read_text(encoding="utf-8"))
    assert set(titles) <= set(KNOWN)
    for name, title in titles.items():
        assert re.search("[\u4e00-\u9fff]", title), name
