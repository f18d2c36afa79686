"""The result in words: what was found, what attention costs, how it grows, what is wasted."""

from __future__ import annotations

from math import ceil

from attnprobe.records import Scan
from attnprobe.report.parts.catalogue import Text, join, say
from attnprobe.report.parts.costs import attention_share
from attnprobe.report.parts.findings import severities
from attnprobe.report.parts.outcomes import is_judged, of_outcome
from attnprobe.report.parts.quantities import count, percent, plain, quantity
from attnprobe.report.parts.safe_text import safe
from attnprobe.report.parts.savings import best_exact, in_short
from attnprobe.report.parts.sites import spread, total

WORTH_SAYING = 0.05


def headline(scan: Scan) -> Text:
    """What was found, then what attention costs: "1 error, 2 warnings. Attention is 41 % of the FLOPs …" """
    if not is_judged(scan) and not scan.findings:
        return _attention(scan)
    found = severities(scan.findings) if scan.findings else _nothing_found(scan)
    return join((say("verdict.sentence", text=found), _attention(scan)), "list.sentences")


def _nothing_found(scan: Scan) -> Text:
    """No finding is good news only as far as rules could look."""
    passed, missing = (len(of_outcome(scan, each)) for each in ("passed", "not_measured"))
    told = say("verdict.nothing_found", count=passed)
    return join((told, say("tally.not_measured", count=missing)), "list.clause") if missing else told


def _attention(scan: Scan) -> Text:
    """One sentence: "Attention is 41 % of the FLOPs, in 24 sites of 2 groups." """
    if not scan.sites:
        return say("verdict.no_attention")
    where = {
        "sites": say("count.sites", count=count(len(scan.sites))),
        "groups": say("count.groups", count=count(len(scan.groups))),
    }
    share = attention_share(scan, "flops_forward")
    if share is None:
        return say("verdict.sites_only", **where)
    return say("verdict.flops", share=percent(share), **where)


def details(scan: Scan) -> tuple[Text, ...]:
    """Further sentences, as many as the scan has numbers for."""
    if not scan.sites:
        return (say("verdict.looked_for"),)
    sentences = (_memory(scan), _growth(scan), _waste(scan), _saving(scan))
    return tuple(sentence for sentence in sentences if sentence)


def _saving(scan: Scan) -> Text | None:
    """The largest saving that leaves the outputs as they are."""
    best = best_exact(scan)
    if best is None:
        return None
    finding, saving = best
    return say("verdict.saving", what=in_short(scan, saving), rule=safe(finding.rule, 40))


def _memory(scan: Scan) -> Text | None:
    kept, cache = attention_share(scan, "activation_bytes"), scan.totals.get("kv_cache_bytes_per_token")
    if kept is not None and cache:
        return say("verdict.memory_and_cache", share=percent(kept), cache=quantity(cache, "byte"))
    if kept is not None:
        return say("verdict.memory", share=percent(kept))
    return say("verdict.cache", cache=quantity(cache, "byte")) if cache else None


def _growth(scan: Scan) -> Text | None:
    growth = scan.totals.get("core_length_exponent") or spread(scan.sites, "core_length_exponent").high
    passes = scan.totals.get("quadratic_crossover_length")
    if growth is None:
        return None
    power = plain(round(growth, 2))
    if power == "1":
        return say("verdict.growth_linear")
    if passes:
        return say("verdict.growth_and_crossover", power=power, length=count(ceil(passes)))
    return say("verdict.growth", power=power)


def _waste(scan: Scan) -> Text | None:
    useful, run = total(scan.sites, "flops_useful"), total(scan.sites, "flops_executed")
    if useful is None or not run or useful / run > 1 - WORTH_SAYING:
        return None
    return say("verdict.waste", share=percent(1 - useful / run))
