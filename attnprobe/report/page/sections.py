"""The order of the page. A new section is a module, a template and a line here."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from attnprobe.records import Scan
from attnprobe.report.page.attention import attention
from attnprobe.report.page.budgets import budgets
from attnprobe.report.page.compare import compare
from attnprobe.report.page.doubts import second_count, unseen
from attnprobe.report.page.elements import Section
from attnprobe.report.page.findings.section import findings
from attnprobe.report.page.growth import charts
from attnprobe.report.page.health.section import health
from attnprobe.report.page.method import method
from attnprobe.report.page.predictions import predictions
from attnprobe.report.page.trials import trials
from attnprobe.report.parts.catalogue import say
from attnprobe.report.parts.outcomes import is_judged
from attnprobe.report.parts.readings import is_health


def sections(scan: Scan) -> tuple[Section, ...]:
    """All sections below the first screen; what the rules found stands first, where they were applied."""
    first, last = [*_verdicts(scan)], [*_costs(scan), *_health(scan)]
    if not (is_judged(scan) or scan.findings):
        first, last = last, first
    return (*first, *last, *_grounds(scan))


def _costs(scan: Scan) -> Iterator[Section]:
    yield _section("attention", attention(scan), not scan.sites)
    yield _section("growth", charts(scan), not any(not is_health(scan, c.metric) for c in scan.curves))
    yield _section("roofline", predictions(scan), not scan.predictions)


def _health(scan: Scan) -> Iterator[Section]:
    found = health(scan)
    parts = tuple((topic.anchor, topic.title) for topic in found.topics)
    yield replace(_section("health", found, found.is_empty), parts=parts)


def _verdicts(scan: Scan) -> Iterator[Section]:
    found = findings(scan)
    parts = tuple((each.anchor, each.short) for each in found.lists)
    yield replace(_section("findings", found, found.is_empty), parts=parts)
    if scan.budgets:
        yield _section("budgets", budgets(scan), False)
    if scan.comparison:
        yield _section("compare", compare(scan), False)
    if scan.trials:
        yield _section("trials", trials(scan), False)


def _grounds(scan: Scan) -> Iterator[Section]:
    if not scan.trials:
        yield _section("trials", None, True)
    yield _section("second_count", second_count(scan), not scan.cross_checks)
    missing = unseen(scan)
    yield _section("unseen", missing, missing.is_empty)
    yield _section("method", method(scan), False)


def _section(name: str, content: object, is_empty: bool) -> Section:
    return Section(
        anchor=name.replace("_", "-"),
        title=say(f"{name}.title"),
        lead=say(f"{name}.empty" if is_empty else f"{name}.lead"),
        template="" if is_empty else f"sections/{name}.html",
        content=content,
    )
