"""Scans judged by as many rules as the core has: for the size and the speed of a page."""

from dataclasses import replace

from judged_findings import scores_finding
from judged_rules import RULES
from judged_scans import judged_scan

from attnprobe.records import RuleOutcome, Scan

LONG = {  # as long as the texts of a rule are
    "en": "The scores of every head are written to memory and read back twice, which takes longer than to "
    "compute them; a fused kernel keeps them in registers. The share is counted over all storages. ",
    "zh": "每个注意力头的得分都会写入显存并读回两次，耗时超过计算本身；融合内核将其保留在寄存器中。",
}


def full_scan(scan: Scan, fired: int = 12, rules: int = 66) -> Scan:
    """The scan judged by 66 rules: some fired at every site, one in eight had nothing to measure."""
    ids = [f"AP{100 + number}" for number in range(rules)]
    texts = {"why": LONG, "how": LONG, "wrong_when": LONG}
    cards = {rule: replace(RULES["AP301"], id=rule, **texts) for rule in ids}
    outcomes = tuple(_outcome(rule, place, fired) for place, rule in enumerate(ids))
    sites = tuple(site.id for site in scan.sites)
    model = scores_finding()
    where = scan.sites[0].group
    instances = tuple(
        replace(model.instances[0], site=site, evidence={"saved_score_share": 0.5 / (1 + place)})
        for place, site in enumerate(sites)
    )
    found = tuple(
        replace(model, rule=rule, fingerprint=f"{place:016x}", sites=sites, where=where, instances=instances)
        for place, rule in enumerate(ids[:fired])
    )
    judged = judged_scan()
    return replace(
        scan, rules=cards, outcomes=outcomes, findings=found, metrics={**judged.metrics, **scan.metrics},
        budgets=judged.budgets, comparison=judged.comparison, judgement=judged.judgement,
        ignored=judged.ignored,
    )  # fmt: skip


def _outcome(rule: str, place: int, fired: int) -> RuleOutcome:
    if place < fired:
        return RuleOutcome(rule=rule, outcome="fired", subjects=24)
    if place % 8 == 0:
        return RuleOutcome(rule=rule, outcome="not_measured", subjects=0, reason="the inputs are random")
    if place % 8 == 1:
        return RuleOutcome(rule=rule, outcome="not_applicable", subjects=0, reason="no head is measured")
    return RuleOutcome(rule=rule, outcome="passed", subjects=24)
