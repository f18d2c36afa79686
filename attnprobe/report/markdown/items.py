"""Findings, budgets and the rest, one line of Markdown each."""

from __future__ import annotations

from collections.abc import Iterator

from attnprobe.records import BudgetResult, Finding, Ignored, Scan
from attnprobe.report.judged import budgets, changes
from attnprobe.report.judged.findings import place, remark, remedy
from attnprobe.report.judged.places import shown as shown_place
from attnprobe.report.judged.places import shown_origin
from attnprobe.report.judged.plain import told
from attnprobe.report.judged.unmeasured import by_cause
from attnprobe.report.markdown.escaping import code, prose
from attnprobe.report.parts.catalogue import Words, both, join, say
from attnprobe.report.parts.findings import title
from attnprobe.report.parts.safe_text import safe

RULES_NAMED = 12
_HOLE = "\ue000"  # where a code span goes into a sentence


class Items:
    """The lines of one scan in one language."""

    def __init__(self, scan: Scan, language: str) -> None:
        self._scan = scan
        self._language = language

    def text(self, words: Words) -> str:
        """Words as plain text."""
        return prose(told(words, self._language))

    def finding(self, finding: Finding, *, has_state: bool = False) -> str:
        """ "**error AP105** `blocks.{0..23}.attn` · a mask value …: … (`model.py:41`) → Use …"."""
        level = self.text(say(f"gate.level.{finding.severity}"))
        lead = f"**{level} {prose(safe(finding.rule, 40))}** {self._name(place(finding))}"
        state = (say(f"state.{finding.state}"),) if has_state else ()
        told = join((*state, join((title(self._scan, finding), remark(finding)), "list.colon")), "list.dot")
        line, helps = shown_place(finding.location), remedy(self._scan, finding)
        at = f" ({code(line)})" if line else ""
        arrow = f" → {self.text(helps)}" if both(helps).en else ""
        return f"{lead} · {self.text(told)}{at}{arrow}"

    def budget(self, budget: BudgetResult) -> str:
        """ "**budget** FLOPs 1.53 TF > 1.47 TF (+6.1 %; budget +2%): raise it in `…`"."""
        told = f"**{self.text(say('gate.budget'))}** {self.text(budgets.state(self._scan, budget))}"
        if budget.is_met is not False:
            return told
        remedy_ = self.text(say("gate.budget.raise", where=_HOLE))
        return f"{told}: {remedy_.replace(_HOLE, code(budgets.where_set(budget)))}"

    def ignored(self, ignored: Ignored) -> str:
        """ "AP202 `blocks.3.attn` · until 2027-03-31 · its reason (`@lin, pyproject.toml:31`)"."""
        finding = ignored.finding
        until = say("gate.until", day=safe(ignored.until, 20)) if ignored.until else say("ignored.for_ever")
        who = ", ".join(safe(each, 60) for each in (ignored.owner, shown_origin(ignored.origin)) if each)
        told = self.text(join((until, safe(ignored.reason, 300)), "list.dot"))
        by = f" ({code(who)})" if who else ""
        return f"{prose(safe(finding.rule, 40))} {self._name(place(finding))} · {told}{by}"

    def unmeasured(self) -> Iterator[str]:
        """The rules that could not be judged, by reason."""
        for why, outcomes in by_cause(self._scan):
            rules = ", ".join(code(safe(each.rule, 40)) for each in outcomes[:RULES_NAMED])
            more = f" +{len(outcomes) - RULES_NAMED}" if len(outcomes) > RULES_NAMED else ""
            yield f"{rules}{more}: {self.text(why)}"

    def changes(self, kind: str) -> Iterator[str]:
        """What came, went or changed of the sites or the findings."""
        for change in changes.of_kind(self._scan, kind):
            if changes.is_news(change):
                base, head = (
                    self.text(changes.value(self._scan, change, side)) for side in (change.base, change.head)
                )
                name = self._name(changes.name(self._scan, change))
                yield f"{self.text(changes.verdict(change))} {name}: {base} → {head}"

    def obstacles(self) -> Iterator[str]:
        """Why the two scans are only partly comparable."""
        if self._scan.comparison:
            yield from (prose(safe(each, 300)) for each in self._scan.comparison.reasons)
        for change in changes.of_kind(self._scan, "total"):
            if change.verdict == "not_comparable":
                yield f"{self.text(changes.name(self._scan, change))}: {prose(safe(change.reason, 300))}"

    def _name(self, words: Words) -> str:
        return code(told(words, self._language))
