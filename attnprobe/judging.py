"""The rules over a scan, in their order, and nothing else.

scan ─ evaluate ─ compare ─ suppress ─ suggest ─ baseline ─ budgets ─ judged scan

Neither the model nor torch is needed: a scan that was saved a year ago is judged like one of today.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from attnprobe.change_facts import looks_at_sites
from attnprobe.checking.baselines import held_against, read, stale_text
from attnprobe.checking.budgets import results
from attnprobe.checking.evaluating import Evaluated, Subject, evaluate, evaluate_subjects
from attnprobe.checking.packs import Rule, load_rules, ruleset_of
from attnprobe.checking.settings import checked_against
from attnprobe.checking.suppressing import IgnoreUse, inline_ignores, suppress
from attnprobe.comparing import change_subjects, compare
from attnprobe.records import Comparison, Judgement, Location, PairedTimes, Scan, Settings, Text
from attnprobe.suggesting import suggest

_NO_BASE: Text = {"en": "there is no scan to compare with", "zh": "没有可比较的扫描"}
_NO_IGNORES: Text = {"en": "nothing is ignored", "zh": "没有忽略项"}


def prepare(settings: Settings) -> tuple[tuple[Rule, ...], Settings]:
    """All rules, and the settings held against them.

    Raises:
        RuleError: A rule file is wrong.
        SettingsError: The settings name a rule or an option that there is not.
    """
    rules = load_rules([Path(pack) for pack in settings.packs])
    return rules, checked_against(settings, rules)


def judge(
    scan: Scan,
    settings: Settings,
    *,
    root: Path,
    base: Scan | None = None,
    base_name: str = "",
    head_name: str = "",
    times: Sequence[PairedTimes] = (),
    allow_mismatch: bool = False,
    strict_baseline: bool = False,
) -> Scan:
    """The scan with findings, outcomes of all rules, budgets and a judgement; those it had are replaced.

    Args:
        root: The folder that the scan's locations are relative to: comments there may ignore findings.
        base: The version before.
        base_name: Not empty: compare with `base`; where that is None, everything was added.
        times: Of both versions, run in turns.
        allow_mismatch: Take a baseline of another model, workload or rule set.
        strict_baseline: Fail when the baseline holds findings that are gone.

    Raises:
        RuleError: A rule file is wrong.
        SettingsError: The settings name a rule or an option that there is not.
        BaselineError: The baseline cannot be read, or is of something else.
    """
    rules, settings = prepare(settings)
    found = evaluate(scan, rules, settings)
    comparison = None
    if base_name:
        comparison = compare(
            _with_findings(base, rules, settings),
            replace(scan, findings=found.findings),
            base_name=base_name,
            head_name=head_name or scan.model.target,
            times=times,
        )
    found += _changes(scan, rules, settings, comparison, base)
    inline = inline_ignores(scan, found.findings, root)
    held = suppress(
        found.findings,
        (*settings.ignores, *inline.entries),
        settings.today,
        rules=rules,
        outcomes=found.outcomes,
        max_days=settings.max_ignore_days,
    )
    about_ignores = _about_ignores(scan, rules, settings, held.uses)
    found += about_ignores
    judged = replace(
        scan,
        findings=suggest(scan, (*held.kept, *about_ignores.findings)),
        ignored=held.ignored,
        rules=found.cards,
        outcomes=tuple(sorted(found.outcomes, key=lambda outcome: outcome.rule)),
        comparison=comparison,
        judgement=Judgement(
            passed=True,
            fail_on=settings.fail_on,
            ruleset=ruleset_of(rules, settings),
            packs=_packs(rules),
            baseline="",
            origins=settings.files,
            notices=(*settings.notices, *inline.notices, *held.notices),
        ),
    )
    return _gated(judged, settings, root, base, times, allow_mismatch, strict_baseline)


def _gated(
    scan: Scan,
    settings: Settings,
    root: Path,
    base: Scan | None,
    times: Sequence[PairedTimes],
    allow_mismatch: bool,
    strict_baseline: bool,
) -> Scan:
    """Baseline and budgets, and with them whether it passed."""
    assert scan.judgement is not None
    known = read(root / settings.baseline) if settings.baseline else None
    findings, judgement = scan.findings, scan.judgement
    if known is not None:
        held = held_against(
            scan, findings, known, allow_mismatch, ignored=scan.ignored, outcomes=scan.outcomes
        )
        findings = held.findings
        judgement = replace(
            judgement,
            baseline=f"{settings.baseline} {known.date}".strip(),
            notices=(*judgement.notices, *held.notices),
            stale=tuple(map(stale_text, held.stale)),
        )
    budgets = results(scan, settings, base, times=times, before=known.totals if known else None)
    failures = (
        any(finding.is_blocking for finding in findings),
        any(budget.is_blocking and budget.is_met is False for budget in budgets),
        strict_baseline and bool(judgement.stale),
    )
    return replace(
        scan, findings=findings, budgets=budgets, judgement=replace(judgement, passed=not any(failures))
    )


def _with_findings(base: Scan | None, rules: Sequence[Rule], settings: Settings) -> Scan | None:
    return base and replace(base, findings=evaluate(base, rules, settings).findings)


def _changes(
    scan: Scan,
    rules: Sequence[Rule],
    settings: Settings,
    comparison: Comparison | None,
    base: Scan | None,
) -> Evaluated:
    """The rules about change. One that names no fact of a site looks at the model alone."""
    subjects = [] if comparison is None else [
        Subject(
            each.facts,
            (each.site,) if each.site else (),
            reasons=each.reasons,
            where=each.site.group if each.site else "",
        )
        for each in change_subjects(comparison, base, scan)
    ]  # fmt: skip

    def subjects_of(rule: Rule) -> Sequence[Subject]:
        return [subject for subject in subjects if bool(subject.sites) == looks_at_sites(rule.when.names)]

    of_change = [rule for rule in rules if rule.level == "change"]
    return evaluate_subjects(of_change, subjects_of, settings, entry=scan.model.entry, nothing=_NO_BASE)


def _about_ignores(
    scan: Scan, rules: Sequence[Rule], settings: Settings, uses: Sequence[IgnoreUse]
) -> Evaluated:
    subjects = [
        Subject(use.facts, key=f"{use.code} {use.facts['match']}", location=_place(use.entry.origin))
        for use in uses
    ]
    of_ignores = [rule for rule in rules if rule.level == "ignore"]
    return evaluate_subjects(
        of_ignores, lambda rule: subjects, settings, entry=scan.model.entry, nothing=_NO_IGNORES
    )


def _place(origin: str) -> Location | None:
    """The line of "pyproject.toml:31"."""
    file, colon, line = origin.rpartition(":")
    return Location(file, int(line), "") if colon and line.isdigit() else None


def _packs(rules: Sequence[Rule]) -> tuple[str, ...]:
    """ "core 0.1.0 (66 rules)"."""
    names = Counter(" ".join(filter(None, (rule.pack, rule.pack_version))) for rule in rules)
    return tuple(f"{name} ({count} rules)" for name, count in names.items())
