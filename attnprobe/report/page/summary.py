"""The first screen: the verdict in words, the key figures, what to be careful with, where the cost is."""

from __future__ import annotations

from dataclasses import dataclass

from attnprobe.records import Scan
from attnprobe.report.page.budgets import Gauge, budgets
from attnprobe.report.page.elements import Bar, Fact
from attnprobe.report.page.findings.teasers import Teaser, teasers
from attnprobe.report.page.strip import cost_bars
from attnprobe.report.parts.catalogue import Text, Words, join, say
from attnprobe.report.parts.findings import ordered
from attnprobe.report.parts.names import metric_title, shown
from attnprobe.report.parts.outcomes import of_outcome
from attnprobe.report.parts.quantities import UNKNOWN, quantity
from attnprobe.report.parts.readings import is_health
from attnprobe.report.parts.safe_text import safe
from attnprobe.report.parts.verdict import details, headline

FIGURES = (
    "flops_forward",
    "activation_bytes",
    "peak_training_bytes",
    "peak_forward_bytes",
    "kv_cache_bytes_per_token",
    "forward_ms",
)
FINDINGS_SHOWN, BUDGETS_SHOWN = 3, 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """The first screen."""

    entry: str
    subtitle: Text
    headline: Text
    details: Text
    figures: tuple[Fact, ...]
    budgets: tuple[Gauge, ...]
    findings: tuple[Teaser, ...]
    more_findings: Words
    overlap: Words  # said where several savings are shown
    warning: Words
    rules_warning: Words
    bars: tuple[Bar, ...]


def summary(scan: Scan) -> Summary:
    """The first screen of a scan."""
    known, missing = ordered(scan.findings), len(of_outcome(scan, "not_measured"))
    more = len(known) - FINDINGS_SHOWN
    return Summary(
        entry=safe(scan.model.entry or scan.model.target),
        subtitle=_subtitle(scan),
        headline=headline(scan),
        details=join(details(scan), "list.sentences"),
        figures=(_parameters(scan), *(_figure(scan, name) for name in FIGURES if name in scan.totals))[:6],
        budgets=budgets(scan)[:BUDGETS_SHOWN],
        findings=teasers(scan, known[:FINDINGS_SHOWN]),
        more_findings=say("summary.more_findings", count=more) if more > 0 else "",
        overlap=say("saving.overlap") if sum(bool(each.savings) for each in known) > 1 else "",
        warning=_warning(scan),
        rules_warning=say("warning.rules", count=missing) if missing else "",
        bars=cost_bars(scan),
    )


def _subtitle(scan: Scan) -> Text:
    work = scan.workload
    inputs = ", ".join(f"{safe(t.name)} {safe(t.dtype)}{list(t.shape)}" for t in work.inputs[:4]) or UNKNOWN
    pass_ = say("pass.training" if work.backward else "pass.forward")
    return join(
        (inputs, safe(work.dtype), safe(scan.environment.device), say(f"depth.{work.depth}"), pass_),
        "list.dot",
    )


def _parameters(scan: Scan) -> Fact:
    size = quantity(scan.model.parameter_bytes, "byte")
    return Fact(say("figure.parameters"), quantity(scan.model.parameters, ""), size)


def _figure(scan: Scan, name: str) -> Fact:
    value = scan.totals[name]
    note = _measured_too(scan, name) if value is not None else say("figure.not_measured")
    return Fact(metric_title(scan, name), shown(scan, name, value), note)


def _measured_too(scan: Scan, name: str) -> Words:
    """Beside a prediction, what was measured; beside a time, how far the repeats spread."""
    measured, spread = (scan.totals.get(other) for other in (f"measured_{name}", f"{name}_spread"))
    if measured is not None:
        return say("figure.measured", value=shown(scan, f"measured_{name}", measured))
    return say("figure.spread", value=shown(scan, name, spread)) if spread is not None else ""


def _warning(scan: Scan) -> Words:
    missing = {gap.metric for gap in scan.not_measured}
    health = {name for name in missing if is_health(scan, name)}
    gaps = (
        ("warning.blind_spots", len(scan.blind_spots)),
        ("warning.unknown_ops", len(scan.unknown_ops)),
        ("warning.not_measured", len(missing - health)),
        ("warning.health", len(health)),
    )
    told = tuple(say(key, count=number) for key, number in gaps if number)
    return say("warning", gaps=join(told)) if told else ""
