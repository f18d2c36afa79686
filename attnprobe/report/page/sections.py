"""The order of the page. A new section is a module, a template and a line here."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from attnprobe.records import Scan
from attnprobe.report.page.attention import attention
from attnprobe.report.page.doubts import second_count, unseen
from attnprobe.report.page.elements import Section
from attnprobe.report.page.growth import charts
from attnprobe.report.page.health.section import health
from attnprobe.report.page.method import method
from attnprobe.report.page.outcomes import findings, trials
from attnprobe.report.page.predictions import predictions
from attnprobe.report.parts.catalogue import say
from attnprobe.report.parts.readings import is_health


def sections(scan: Scan) -> tuple[Section, ...]:
    """All sections below the first screen; what was found stands first, when something was."""
    ordered = [*_costs(scan), *_health(scan), *_verdicts(scan)]
    if scan.findings:
        ordered = [*_verdicts(scan), *_costs(scan), *_health(scan)]
    return (*ordered, *_grounds(scan))


def _costs(scan: Scan) -> Iterator[Section]:
    yield _section("attention", attention(scan), not scan.sites)
    yield _section("growth", charts(scan), not any(not is_health(scan, c.metric) for c in scan.curves))
    yield _section("roofline", predictions(scan), not scan.predictions)


def _health(scan: Scan) -> Iterator[Section]:
    found = health(scan)
    parts = tuple((topic.anchor, topic.title) for topic in found.topics)
    yield replace(_section("health", found, found.is_empty), parts=parts)


def _verdicts(scan: Scan) -> Iterator[Section]:
    yield _section("findings", findings(scan), not scan.findings)
    yield _section("trials", trials(scan), not scan.trials)


def _grounds(scan: Scan) -> Iterator[Section]:
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
