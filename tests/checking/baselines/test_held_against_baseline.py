from __future__ import annotations

from dataclasses import replace

import pytest

from attnprobe.checking.baselines import (
    Baseline,
    Held,
    held_against,
    made_of,
    pruned,
    renewal,
    stale_text,
)
from attnprobe.errors import BaselineError
from attnprobe.records import (
    Finding,
    Ignored,
    Instance,
    Judgement,
    Limit,
    RuleCard,
    RuleOutcome,
    Scan,
    Settings,
)
from tests.report.sample_scans import METRICS, gpt_scan

EXACT = replace(METRICS["flops_forward"], name="kv_cache_bytes", unit="byte", exactness="exact")
SAMPLED = replace(EXACT, name="sink_mass", unit="1", exactness="sampled")
SETTINGS = Settings(today="2026-11-21")


def finding(
    fingerprint: str = "a" * 16, *, sites: int = 4, heads: tuple[int, ...] = (), **evidence: float
) -> Finding:
    names = tuple(f"h.{number}.attn" for number in range(sites))
    return Finding(
        rule="AP302",
        name="kv-cache-heavy",
        severity="error",
        sites=names,
        heads=heads,
        location=None,
        message="heavy",
        evidence=evidence,
        savings=(),
        suggestions=(),
        fingerprint=fingerprint,
        where=f"h.{{0..{sites - 1}}}.attn",
        limits=(
            Limit(metric="kv_cache_bytes", comparison=">", limit=10),
            Limit(metric="sink_mass", comparison=">=", limit=0.1),
        ),
        instances=tuple(Instance(site=name, heads=heads, evidence=evidence) for name in names),
        is_blocking=True,
    )


def judged(*findings: Finding, ruleset: str = "0123456789abcdef") -> Scan:
    judgement = Judgement(passed=True, fail_on="error", ruleset=ruleset, packs=(), baseline="", origins=())
    return replace(
        gpt_scan(),
        metrics={"kv_cache_bytes": EXACT, "sink_mass": SAMPLED},
        totals={"kv_cache_bytes": 100, "sink_mass": 0.5},
        findings=findings,
        judgement=judgement,
    )


def hold(scan: Scan, baseline: Baseline, **rest: object) -> Held:
    return held_against(scan, scan.findings, baseline, **rest)  # type: ignore[arg-type]


BEFORE = judged(finding(kv_cache_bytes=100, sink_mass=0.5))
BASELINE = made_of(BEFORE, SETTINGS)


def state(*findings: Finding) -> list[str]:
    return [each.state for each in hold(judged(*findings), BASELINE).findings]


def test_a_baseline_names_what_it_was_made_of() -> None:
    header = BASELINE.header
    assert header.target == gpt_scan().model.entry
    assert header.device == gpt_scan().workload.device.partition(":")[0]
    assert header.torch.count(".") == 1
    assert header.ruleset == "0123456789abcdef"
    assert BASELINE.date == "2026-11-21"
    assert BASELINE.totals == {"kv_cache_bytes": 100}  # exact ones alone
    (entry,) = BASELINE.entries
    assert (entry.rule, entry.where, entry.count) == ("AP302", "h.{0..3}.attn", 4)
    assert entry.metrics == {"kv_cache_bytes": 100}


def test_a_scan_that_was_not_judged_makes_no_baseline() -> None:
    with pytest.raises(BaselineError, match="was not judged"):
        made_of(replace(BEFORE, judgement=None), SETTINGS)


def test_the_same_findings_are_known_and_block_nothing() -> None:
    held = hold(BEFORE, BASELINE)
    assert [(each.state, each.is_blocking) for each in held.findings] == [("known", False)]
    assert (held.stale, held.notices) == ((), ())


def test_another_fingerprint_is_new_and_blocks() -> None:
    held = hold(judged(finding("b" * 16, kv_cache_bytes=100)), BASELINE)
    assert [(each.state, each.is_blocking) for each in held.findings] == [("new", True)]
    assert [stale_text(each) for each in held.stale] == [f"AP302 h.{{0..3}}.attn ({'a' * 16})"]


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (finding(sites=5, kv_cache_bytes=100), "worsened"),
        (finding(sites=3, kv_cache_bytes=100), "known"),
        (finding(kv_cache_bytes=101), "worsened"),
        (finding(kv_cache_bytes=99), "known"),
        (finding(kv_cache_bytes=100 * (1 + 1e-12)), "known"),  # the order of a sum
        (finding(kv_cache_bytes=100, sink_mass=0.9), "known"),  # sampled: never by itself
        (finding(), "known"),
    ],
)
def test_more_places_or_a_worse_exact_number_is_worsened(now: Finding, expected: str) -> None:
    (marked,) = hold(judged(now), BASELINE).findings
    assert marked.state == expected
    assert marked.is_blocking is (expected == "worsened")


def test_worse_is_lower_where_the_rule_finds_what_is_low() -> None:
    low = (Limit(metric="kv_cache_bytes", comparison="<", limit=1000),)
    before = made_of(judged(replace(finding(kv_cache_bytes=100), limits=low)), SETTINGS)
    for value, expected in ((99, "worsened"), (101, "known")):
        scan = judged(replace(finding(kv_cache_bytes=value), limits=low))
        assert hold(scan, before).findings[0].state == expected


def test_heads_are_counted_where_the_rule_names_them() -> None:
    before = made_of(judged(finding(heads=(0, 1))), SETTINGS)
    assert before.entries[0].count == 8
    assert hold(judged(finding(heads=(0, 1, 2))), before).findings[0].state == "worsened"


@pytest.mark.parametrize(
    ("scan", "words"),
    [
        (
            replace(BEFORE, model=replace(BEFORE.model, entry="other.py:GPT()")),
            "the baseline is of another target: ",
        ),
        (
            replace(BEFORE, workload=replace(BEFORE.workload, dtype="bfloat16")),
            "the baseline is of another dtype: float32; this scan has bfloat16",
        ),
        (
            replace(BEFORE, workload=replace(BEFORE.workload, device="cuda:1")),
            "this scan has cuda",
        ),
        (replace(BEFORE, workload=replace(BEFORE.workload, inputs=())), "another inputs"),
        (replace(BEFORE, workload=replace(BEFORE.workload, train=True)), "another mode"),
        (replace(BEFORE, workload=replace(BEFORE.workload, depth="measured")), "another depth"),
        (replace(BEFORE, environment=replace(BEFORE.environment, torch="3.0.1+cu130")), "this scan has 3.0"),
        (judged(*BEFORE.findings, ruleset="f" * 16), "another ruleset: 0123456789abcdef"),
    ],
)
def test_a_baseline_of_something_else_is_refused_with_the_key_that_differs(scan: Scan, words: str) -> None:
    with pytest.raises(BaselineError) as caught:
        hold(scan, BASELINE)
    assert words in caught.value.message
    assert "--allow-mismatch" in caught.value.hint
    held = hold(scan, BASELINE, allow_mismatch=True)
    assert held.findings[0].state == "known"
    assert len(held.notices) == 1


def test_a_patch_of_torch_is_no_other_torch() -> None:
    torch = BEFORE.environment.torch.partition("+")[0]
    patched = replace(BEFORE, environment=replace(BEFORE.environment, torch=f"{torch}+cu130"))
    assert hold(patched, BASELINE).notices == ()


def test_numbers_of_another_workload_are_left_alone() -> None:
    longer = judged(finding(kv_cache_bytes=900))
    longer = replace(longer, workload=replace(longer.workload, inputs=()))
    assert hold(longer, BASELINE, allow_mismatch=True).findings[0].state == "known"


def test_what_is_ignored_or_could_not_be_measured_is_not_gone() -> None:
    empty = judged()
    ignored = Ignored(finding=finding(), reason="", until="", owner="", origin="")
    assert len(hold(empty, BASELINE).stale) == 1
    assert hold(empty, BASELINE, ignored=(ignored,)).stale == ()
    for outcome, is_stale in (("passed", True), ("not_measured", False), ("not_applicable", True)):
        known = (RuleOutcome(rule="AP302", outcome=outcome, subjects=4),)  # type: ignore[arg-type]
        assert bool(hold(empty, BASELINE, outcomes=known).stale) is is_stale
    other = (RuleOutcome(rule="AP101", outcome="passed", subjects=4),)
    assert hold(empty, BASELINE, outcomes=other).stale == ()


def test_pruning_takes_away_and_tightens_and_never_adds() -> None:
    two = made_of(judged(finding(kv_cache_bytes=100), finding("b" * 16, kv_cache_bytes=100)), SETTINGS)
    now = judged(finding(sites=2, kv_cache_bytes=70), finding("c" * 16))
    after = pruned(now, two, hold(now, two))
    (entry,) = after.entries
    assert (entry.fingerprint, entry.count, entry.metrics) == ("a" * 16, 2, {"kv_cache_bytes": 70})
    worse = judged(finding(sites=9, kv_cache_bytes=900), finding("b" * 16, kv_cache_bytes=100))
    assert pruned(worse, two, hold(worse, two)) == two


def test_a_renewal_tells_what_came_went_and_changed() -> None:
    now = made_of(judged(finding(sites=9, kv_cache_bytes=100), finding("c" * 16)), SETTINGS)
    found = renewal(BASELINE, now)
    assert [each.fingerprint[0] for each in found.added] == ["c"]
    assert [each.count for each in found.changed] == [9]
    assert found.removed == ()
    assert [each.fingerprint[0] for each in renewal(now, BASELINE).removed] == ["c"]
    assert len(renewal(None, now).added) == 2


def test_findings_about_a_change_do_not_last() -> None:
    card = RuleCard(
        id="AP302",
        name="kv-cache-grew",
        since="0.1.0",
        status="stable",
        category="change",
        severity="error",
        precision="high",
        level="change",
        when="True",
        options={},
        metrics=(),
        exactness="exact",
        title={},
        why={},
        how={},
        wrong_when={},
        references=(),
        pack="core",
    )
    assert made_of(replace(judged(finding()), rules={"AP302": card}), SETTINGS).entries == ()
