"""Scans with a judgement, built by hand: what the tests of the output formats look at.

The model is that of `sample_scans`: 24 blocks, 16 query heads over 4 KV heads of 64, 1 x 2048 tokens, in
float32. Findings at all 24 sites, at heads, at the model as a whole; and every other outcome of a rule.
"""

from collections.abc import Mapping
from dataclasses import replace

from judged_findings import (
    ALL,
    BASE_FLOPS,
    FLOPS,
    growth_finding,
    heads_finding,
    ignored,
    mask_finding,
    model_finding,
    scores_finding,
    small_findings,
)
from judged_rules import RULES, SHARES
from sample_scans import METRICS, gpt_scan

from attnprobe.records import (
    AttentionSite,
    BudgetResult,
    Change,
    Comparison,
    Ignored,
    Instance,
    Judgement,
    Limit,
    Location,
    NotMeasured,
    RuleOutcome,
    Scan,
)

OUTCOMES = (
    *(
        RuleOutcome(rule=rule, outcome="fired", subjects=24)
        for rule in ("AP105", "AP301", "AP302", "AP207", "AP901", "ACME1", "AP202", "AP205")
    ),
    RuleOutcome(
        rule="AP601",
        outcome="fired",
        subjects=384,
        partly=16,
        reason="the map of blocks.9.attn is not known",
        reasons={"en": "the map of blocks.9.attn is not known", "zh": "blocks.9.attn 的注意力图未知"},
    ),
    RuleOutcome(rule="AP101", outcome="passed", subjects=24),
    RuleOutcome(
        rule="AP606",
        outcome="not_applicable",
        subjects=0,
        reason="the weights look untrained",
        reasons={"en": "the weights look untrained", "zh": "权重看起来未经训练"},
    ),
    RuleOutcome(
        rule="AP502",
        outcome="not_measured",
        subjects=0,
        reason="the inputs are random",
        reasons={"en": "the inputs are random", "zh": "输入是随机的"},
    ),
)

BUDGETS = (
    BudgetResult(
        metric="flops_forward",
        limit=1_470_840_000_000,
        value=FLOPS,
        base=BASE_FLOPS,
        text="+2%",
        is_met=False,
        is_blocking=True,
        reason="",
        origin="pyproject.toml:31",
    ),
    BudgetResult(
        metric="kv_cache_bytes_per_token",
        limit=65536,
        value=49152,
        base=None,
        text="64 KiB",
        is_met=True,
        is_blocking=True,
        reason="",
        origin="pyproject.toml:32",
    ),
    BudgetResult(
        metric="forward_ms",
        limit=67.3,
        value=None,
        base=61.2,
        text="+10%",
        is_met=None,
        is_blocking=False,
        reason="a time is only compared in paired runs",
        origin="pyproject.toml:33",
    ),
)


def comparison() -> Comparison:
    """Every kind of change and every verdict."""
    total = {"kind": "total", "where": ""}
    return Comparison(
        base="origin/main (1a2b3c4)",
        head="working tree (abc1234)",
        changes=(
            Change(
                name="flops_forward", base=BASE_FLOPS, head=FLOPS, relative=0.061, verdict="worse", **total
            ),
            Change(
                name="activation_bytes",
                base=4_000_000_000,
                head=4_328_000_000,
                relative=0.082,
                verdict="worse",
                **total,
            ),
            Change(
                name="kv_cache_bytes_per_token",
                base=98304,
                head=49152,
                relative=-0.5,
                verdict="better",
                **total,
            ),
            Change(
                name="parameters", base=270_532_608, head=270_532_608, relative=0.0, verdict="same", **total
            ),
            Change(
                name="forward_ms",
                base=61.2,
                head=61.9,
                relative=0.011,
                verdict="within_noise",
                reason="±2.4 % over 7 paired runs",
                **total,
            ),
            Change(
                name="measured_peak_training_bytes",
                base=None,
                head=None,
                relative=None,
                verdict="not_comparable",
                reason="base ran on cuda",
                **total,
            ),
            Change(
                kind="site",
                name="blocks.{20..23}.attn",
                where="blocks.{20..23}.attn",
                base=None,
                head="dot_product 16/4",
                relative=None,
                verdict="added",
            ),
            Change(
                kind="site",
                name="head.pool",
                where="head.pool",
                base="pooling 1",
                head=None,
                relative=None,
                verdict="removed",
            ),
            Change(
                kind="site",
                name=ALL,
                where=ALL,
                base="kv_heads 8",
                head="kv_heads 4",
                relative=None,
                verdict="changed",
            ),
            Change(
                kind="finding", name="AP105", where=ALL, base=None, head=24, relative=None, verdict="added"
            ),
            Change(
                kind="finding", name="AP204", where=ALL, base=24, head=None, relative=None, verdict="removed"
            ),
            Change(
                kind="finding",
                name="AP601",
                where="blocks.{7,8}.attn",
                base=2,
                head=2,
                relative=0.0,
                verdict="same",
            ),
        ),
        reasons=("torch 2.12 and 2.13",),
    )


def judgement(**rest) -> Judgement:
    """Of a check that fails on errors, against a baseline."""
    usual = {
        "passed": False,
        "fail_on": "error",
        "ruleset": "0f1e2d3c4b5a6978",
        "packs": ("core 0.1.0 (66 rules)", "acme-rules 1.2.0 (1 rule)"),
        "baseline": "attnprobe-baseline.json (2026-10-02)",
        "origins": ("pyproject.toml",),
        "notices": ("the ignore of AP202 at pyproject.toml:31 expires in 9 days",),
        "stale": ("AP204 blocks.{0..23}.attn",),
    }
    return Judgement(**(usual | rest))


def judged_scan() -> Scan:
    """Findings of each severity, ignored ones, every outcome, budgets, a comparison."""
    scan = gpt_scan()
    found = (mask_finding(), growth_finding(), scores_finding(), heads_finding(), model_finding())
    return replace(
        scan,
        metrics={**METRICS, **SHARES},
        rules=RULES,
        outcomes=OUTCOMES,
        ignored=ignored(),
        budgets=BUDGETS,
        totals={**scan.totals, "flops_forward": FLOPS},
        findings=(*found, *small_findings()),
        comparison=comparison(),
        judgement=judgement(),
        tool=replace(scan.tool, plugins=("acme-rules 1.2.0",)),
        not_measured=(
            *scan.not_measured,
            NotMeasured(metric="normalised_entropy", site="", reason="the inputs are random"),
        ),
    )


def without_comparison() -> Scan:
    """The same, checked without a base."""
    scan = judged_scan()
    kept = tuple(each for each in scan.findings if each.rule != "AP901")
    return replace(scan, comparison=None, budgets=scan.budgets[1:2], findings=kept)


def passed_scan() -> Scan:
    """Nothing was found and nothing changed."""
    scan = judged_scan()
    same = tuple(
        replace(each, head=each.base, relative=0.0, verdict="same")
        for each in comparison().changes
        if each.kind == "total" and each.base is not None
    )
    outcomes = tuple(
        replace(each, outcome="passed") if each.outcome == "fired" else each for each in OUTCOMES
    )
    return replace(
        scan,
        findings=(),
        ignored=(),
        budgets=BUDGETS[1:2],
        outcomes=outcomes,
        comparison=replace(comparison(), changes=same, reasons=()),
        judgement=judgement(passed=True, notices=(), stale=()),
    )


def many_findings(count: int, severity: str = "warning") -> Scan:
    """A scan with so many findings, each at one site of its own."""
    model = replace(scores_finding(), severity=severity, state="new")
    found = tuple(
        replace(
            model,
            sites=(f"blocks.{place}.attn",),
            where=f"blocks.{place}.attn",
            fingerprint=f"{place:016x}",
            message=f"blocks.{place}.attn: saved scores are 58 % of the activations",
            instances=(),
            messages={},
        )
        for place in range(count)
    )
    return replace(judged_scan(), findings=found)


def renamed_judged_scan(name: str) -> Scan:
    """A judged scan in which every text that a model or a pack of rules decides is `name`."""
    text, place = {"en": name, "zh": name}, Location(name, 1, name)
    scan = judged_scan()
    rule = replace(
        RULES["AP301"],
        id=name,
        name=name,
        title=text,
        why=text,
        how=text,
        wrong_when=text,
        references=(name,),
        pack=name,
        when=name,
        options={name: name},
        metrics=(name,),
    )
    model = scores_finding()
    found = replace(
        model,
        rule=name,
        name=name,
        sites=(name,),
        where=name,
        message=name,
        messages=text,
        location=place,
        evidence={name: name},
        limits=(Limit(metric=name, comparison=">", limit=name, option=name),),
        formula=name,
        instances=(Instance(site=name, heads=(0,), evidence={name: name}, location=place),),
        savings=(replace(model.savings[0], remedy=name, metric=name, formula=name),),
        suggestions=(replace(model.suggestions[0], name=name, options={name: name}, change=text),),
    )
    outcomes = (
        RuleOutcome(rule=name, outcome="fired", subjects=1, reason=name, reasons=text),
        RuleOutcome(rule="AP606", outcome="not_applicable", subjects=0, reason=name, reasons=text),
    )
    change = Change(
        kind="total",
        name=name,
        where=name,
        base=name,
        head=name,
        relative=None,
        verdict="changed",
        reason=name,
    )
    return replace(
        scan,
        model=replace(scan.model, target=name, entry=name, class_name=name),
        workload=replace(scan.workload, settings={"command": name}),
        tool=replace(scan.tool, plugins=(name,)),
        sites=(_renamed_site(scan.sites[0], name),),
        findings=(replace(found, severity="error", is_blocking=True), replace(found, fingerprint="1" * 16)),
        ignored=(Ignored(finding=found, reason=name, until=name, owner=name, origin=name),),
        rules={name: rule, "AP606": RULES["AP606"]},
        outcomes=outcomes,
        budgets=tuple(replace(each, metric=name, text=name, reason=name, origin=name) for each in BUDGETS),
        comparison=Comparison(
            base=name,
            head=name,
            reasons=(name,),
            changes=(change, replace(change, kind="site"), replace(change, kind="finding")),
        ),
        judgement=judgement(packs=(name,), baseline=name, origins=(name,), notices=(name,), stale=(name,)),
        not_measured=(NotMeasured(metric=name, site=name, reason=name),),
        notes=(name,),
    )


def _renamed_site(site: AttentionSite, name: str) -> AttentionSite:
    projections: Mapping[str, str] = {"query": name}
    return replace(
        site,
        id=name,
        module=name,
        module_class=name,
        group=name,
        location=Location(name, 1, name),
        projections=projections,
        projection_rows={},
    )
