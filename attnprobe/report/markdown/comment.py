"""The comment of a pull request, which is the summary of a job as well."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from attnprobe.records import Finding, Scan
from attnprobe.report.judged import changes, verdict
from attnprobe.report.judged.command import check_command
from attnprobe.report.judged.findings import is_failing, news, what_fails_first
from attnprobe.report.judged.places import shown_side
from attnprobe.report.judged.target import slug
from attnprobe.report.markdown.draft import Draft
from attnprobe.report.markdown.escaping import code, prose
from attnprobe.report.markdown.items import Items
from attnprobe.report.markdown.tables import table
from attnprobe.report.parts.catalogue import Text, check_language, join, say
from attnprobe.report.parts.safe_text import safe

BLOCKING_SHOWN = 10  # above the fold


def comment(scan: Scan, language: str) -> str:
    """The text of the comment: at most 60,000 characters, of which a screen's worth stands above the fold."""
    items = Items(scan, check_language(language))
    marker = f"<!-- attnprobe:{slug(scan)} -->"
    if _is_unchanged(scan):
        return f"{marker}\n✅ attnprobe: {items.text(say('gate.no_change'))}\n"
    above, below = _around_the_fold(scan)
    numbers = table(scan, language)
    draft = Draft([_heading(scan, items), *([numbers] if numbers else [])])
    draft.add(items.finding(each) for each in above)
    draft.add(items.budget(each) for each in scan.budgets if each.is_met is False)
    summary = _summary(scan, below)
    if summary:
        draft.append(f"<details><summary>{items.text(summary)}</summary>")
        for heading, lines in _below_the_fold(scan, items, below):
            draft.add_list(items.text(heading), lines)
        draft.append("</details>")
    if draft.left_out:
        draft.append(items.text(say("gate.cut", count=draft.left_out)))
    draft.append(_closing(scan, items))
    return draft.text(marker)


def _is_unchanged(scan: Scan) -> bool:
    """A check that passed, against a base from which nothing differs."""
    if scan.comparison is None or scan.judgement is None or not scan.judgement.passed:
        return False
    is_news = scan.judgement.baseline and any(each.state != "known" for each in scan.findings)
    is_missed = any(budget.is_met is False for budget in scan.budgets)
    is_partial = bool(scan.comparison.reasons)
    return not (is_news or is_missed or is_partial or any(map(changes.is_news, scan.comparison.changes)))


def _heading(scan: Scan, items: Items) -> str:
    if scan.judgement is None:
        return f"### attnprobe: {items.text(say('gate.not_judged_why'))}"
    sign = "✅" if scan.judgement.passed else "❌"
    return f"### attnprobe: {sign} {items.text(verdict.blockers(scan) or verdict.counts(scan))}"


def _around_the_fold(scan: Scan) -> tuple[Sequence[Finding], Sequence[Finding]]:
    ordered = what_fails_first(scan.findings)
    failing = sum(is_failing(scan, each) for each in ordered)
    shown = min(failing, BLOCKING_SHOWN)
    return ordered[:shown], ordered[shown:]


def _summary(scan: Scan, below: Sequence[Finding]) -> Text | None:
    """ "2 new · 9 known · 1 ignored · 3 changed": what the fold hides."""
    has_baseline = scan.judgement is not None and scan.judgement.baseline
    told = (
        [say(f"gate.{state}", count=number) for state, number in news(below).items()] if has_baseline else []
    )
    if below and not has_baseline:
        told.append(say("gate.more_findings", count=len(below)))
    told += [say("tally.ignored", count=len(scan.ignored))] if scan.ignored else []
    changed = sum(
        changes.is_news(each) for kind in ("site", "finding") for each in changes.of_kind(scan, kind)
    )
    told += [say("gate.changes", count=changed)] if changed else []
    unmeasured = sum(outcome.outcome == "not_measured" for outcome in scan.outcomes)
    told += [say("tally.not_measured", count=unmeasured)] if unmeasured else []
    return join(tuple(told), "list.dot") if told else None


def _below_the_fold(
    scan: Scan, items: Items, below: Sequence[Finding]
) -> Iterator[tuple[Text, Iterator[str]]]:
    has_state = bool(scan.judgement and scan.judgement.baseline)
    yield say("findings.title"), (items.finding(each, has_state=has_state) for each in below)
    yield say("gate.changed_sites"), items.changes("site")
    yield say("gate.changed_findings"), items.changes("finding")
    yield say("compare.partly"), items.obstacles()
    yield say("gate.ignored"), (items.ignored(each) for each in scan.ignored)
    yield say("term.not_measured"), items.unmeasured()
    if scan.judgement:
        yield say("gate.notices"), (prose(safe(each, 300)) for each in scan.judgement.notices)
        yield say("method.stale"), (code(safe(each, 200)) for each in scan.judgement.stale)


def _closing(scan: Scan, items: Items) -> str:
    parts = [items.text(say("gate.exact_only"))] if scan.judgement else []
    parts.append(f"{items.text(say('gate.reproduce'))} {code(check_command(scan))}")
    if scan.comparison:
        parts.append(code(shown_side(scan.comparison.head)))
    return " · ".join(parts)
