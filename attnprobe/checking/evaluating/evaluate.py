"""Rules over a scan: findings, and what came of every rule."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from attnprobe.checking.evaluating.cards import card_of
from attnprobe.checking.evaluating.choosing import Options, chosen
from attnprobe.checking.evaluating.facts import ScanFacts
from attnprobe.checking.evaluating.findings import findings_of
from attnprobe.checking.evaluating.looking import RANDOM, Look, look
from attnprobe.checking.evaluating.places import Hit
from attnprobe.checking.evaluating.subjects import Subject
from attnprobe.checking.packs import Rule
from attnprobe.checking.packs.placeholders import fact_named, placeholders
from attnprobe.errors import SettingsError
from attnprobe.records import Finding, Outcome, RuleCard, RuleOutcome, Scan, Settings, Text

OF_A_SCAN = ("site", "head", "group", "model")  # levels; those of a change and of an ignore are given facts
_NO_SITES: Text = {"en": "the model has no attention site", "zh": "模型中没有注意力位置"}
_NOTHING: Text = {"en": "there is nothing to look at", "zh": "没有可检查的对象"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluated:
    """What the rules made of a scan."""

    findings: tuple[Finding, ...] = ()
    outcomes: tuple[RuleOutcome, ...] = ()
    cards: Mapping[str, RuleCard] = field(default_factory=dict)

    def __add__(self, other: Evaluated) -> Evaluated:
        """Both, one after the other."""
        return Evaluated(
            findings=(*self.findings, *other.findings),
            outcomes=(*self.outcomes, *other.outcomes),
            cards={**self.cards, **other.cards},
        )


def evaluate(scan: Scan, rules: Iterable[Rule], settings: Settings) -> Evaluated:
    """Apply every chosen rule of level site, head, group or model.

    Raises:
        SettingsError: An option that a rule has not, or a value that it does not take.
    """
    of_scan = [rule for rule in rules if rule.level in OF_A_SCAN]
    names = {rule.id: names_of(rule) for rule in of_scan}
    facts = ScanFacts(
        scan,
        {name for each in names.values() for name in each},
        {name for rule in of_scan if _asks_heads(rule) for name in names[rule.id]},
    )
    return evaluate_subjects(
        of_scan,
        lambda rule: facts.subjects(rule.level),
        settings,
        entry=scan.model.entry,
        reason_of=facts.reason,
        nothing=_NO_SITES,
    )


def evaluate_subjects(
    rules: Iterable[Rule],
    subjects_of: Callable[[Rule], Sequence[Subject]],
    settings: Settings,
    *,
    entry: str,
    reason_of: Callable[[str, str], str] | None = None,
    nothing: Text = _NOTHING,
) -> Evaluated:
    """Apply every chosen rule to the subjects that are given for it. A rule that fails is "not measured".

    Args:
        subjects_of: What a rule looks at.
        entry: Which model was scanned; part of the fingerprints.
        reason_of: (name, site) -> why that fact is not known, where the subject does not say.
        nothing: Why a rule without subjects is not applicable.

    Raises:
        SettingsError: An option that a rule has not, or a value that it does not take.
    """
    findings: list[Finding] = []
    outcomes: list[RuleOutcome] = []
    cards: dict[str, RuleCard] = {}
    for rule in chosen(rules, settings):
        options = Options(rule, settings)
        cards[rule.id] = card_of(rule, options)
        try:
            run = _Run(rule, options, reason_of)
            run.over(subjects_of(rule))
            found = findings_of(rule, run.hits, settings, entry)
            outcomes.append(run.outcome(nothing))
        except SettingsError:
            raise
        except Exception as error:  # one failing rule is a listed gap; the others go on
            outcomes.append(_failed(rule, error))
            continue
        findings += found
    return Evaluated(findings=tuple(findings), outcomes=tuple(outcomes), cards=cards)


def names_of(rule: Rule) -> set[str]:
    """Every fact that a rule may ask for."""
    said = (name for name, _ in placeholders(rule.message["en"]))
    asked = (name for each in rule.expressions for name in each.names)
    filled = (fact_named(value) for each in rule.suggest for value in each.options.values())
    needed = ("data",) if rule.needs_data else ()
    return {*rule.requires, *asked, *said, *filled, *needed, *(each.name for each in rule.evidence)}


def _asks_heads(rule: Rule) -> bool:
    return rule.level == "head" or (
        rule.level == "site" and any(each.is_over_parts for each in rule.expressions)
    )


class _Run:
    """One rule over its subjects."""

    def __init__(self, rule: Rule, options: Options, reason_of: Callable[[str, str], str] | None) -> None:
        self.rule = rule
        self.options = options
        self.reason_of = reason_of
        self.hits: list[Hit] = []
        self.results: Counter[str] = Counter()
        self.gaps: Counter[str] = Counter()

    def over(self, subjects: Sequence[Subject]) -> None:
        """Look at every one."""
        seen: list[str] = []
        for subject in subjects:
            options, severity = self.options.at(subject.sites)
            came = look(self.rule, subject.facts, options, subject.parts)
            seen.append(came.result)
            if came.result == "fires":
                self.hits.append(Hit(subject, options, severity))
            elif came.result == "not_measured":
                self.gaps[self._gap(came, subject)] += 1
        self.results.update(seen)

    def outcome(self, nothing: Text) -> RuleOutcome:
        """What came of it: fired anywhere; else passed, unless nowhere could be looked at."""
        counts, total = self.results, sum(self.results.values())
        unknown = counts["not_measured"]
        result: Outcome = "passed"
        reasons: Text = {}
        if counts["fires"]:
            result = "fired"
        elif not total:
            result, reasons = "not_applicable", nothing
        elif unknown and not counts["silent"]:
            result = "not_measured"
        elif counts["not_applicable"] == total:
            result = "not_applicable"
            reasons = self.rule.applies.otherwise if self.rule.applies else nothing
        if unknown:
            reasons = _gap_text(self.gaps.most_common(1)[0][0])
        return RuleOutcome(
            rule=self.rule.id,
            outcome=result,
            subjects=total - counts["not_applicable"] if result != "not_applicable" else 0,
            reason=reasons.get("en", ""),
            reasons=reasons,
            partly=unknown if result in ("fired", "passed") else 0,
        )

    def _gap(self, seen: Look, subject: Subject) -> str:
        if not seen.missing:
            return f"{RANDOM}:{', '.join(self.rule.needs_data)}" if seen.reason == RANDOM else seen.reason
        name = seen.missing[0]
        reason = subject.reasons.get(name, "")
        if not reason and self.reason_of:
            reason = self.reason_of(name, subject.site)
        return f"{name}: {reason}" if reason else f"{name} is not known"


def _gap_text(gap: str) -> Text:
    kind, _, names = gap.partition(":")
    if kind == RANDOM:
        return {
            "en": f"the inputs are random: {names} would describe them, not your data",
            "zh": f"输入是随机的：{names} 只会描述随机输入，而不是您的数据",
        }
    return {"en": gap, "zh": f"未能测得：{gap}"}


def _failed(rule: Rule, error: Exception) -> RuleOutcome:
    reason = f"the rule failed: {type(error).__name__}: {str(error)[:200]}"
    return RuleOutcome(
        rule=rule.id,
        outcome="not_measured",
        subjects=0,
        reason=reason,
        reasons={"en": reason, "zh": f"规则执行失败：{type(error).__name__}: {str(error)[:200]}"},
    )
