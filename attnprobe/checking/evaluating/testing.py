"""The tests that a rule file carries."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from attnprobe.checking.evaluating.evaluate import OF_A_SCAN, evaluate, names_of
from attnprobe.checking.evaluating.looking import evaluate_facts, facts_of_test
from attnprobe.checking.packs import FactsTest, ModelTest, Rule, metric_dictionary
from attnprobe.checking.packs.names import OF_MODEL
from attnprobe.dictionary import probes_of
from attnprobe.records import Scan, ScanOptions, Settings
from attnprobe.resources import resource_dir

ScanKey = tuple[str, bool, bool, int | None, int | None, str | None]
_ANY_PROBE = ("kv_cache",)  # no name at all would mean every probe
_RESULTS = {True: ("fires",), False: ("silent", "not_applicable")}


def fault_of_facts(rule: Rule, test: FactsTest) -> str:
    """Run a test that gives facts; "" when it holds, else what came instead."""
    is_of_scan = rule.level in OF_A_SCAN
    seen = evaluate_facts(
        rule,
        facts_of_test(test.facts, is_of_scan=is_of_scan),
        options=test.options,
        parts=[facts_of_test(each, is_of_scan=is_of_scan) for each in test.parts],
    )
    expected = _RESULTS[test.expected] if isinstance(test.expected, bool) else (test.expected,)
    if seen.result in expected:
        return ""
    why = f"{', '.join(seen.missing)} missing" if seen.missing else seen.reason
    got = f"{seen.result} ({why})" if why else seen.result
    return f"expected {expected[0]}, got {got}".replace("not_", "not ")


def fault_on_sample(rule: Rule, test: ModelTest, scan: Scan) -> str:
    """Hold a test against the scan of its sample; "" when it holds, else what came instead.

    A rule that could not be measured anywhere was not silent.
    """
    settings = Settings(select=(rule.id,), preview=True, options={rule.id: test.options})
    seen = evaluate(scan, (rule,), settings)
    outcome = seen.outcomes[0]
    got = f"{outcome.outcome} {outcome.reason}".strip().replace("not_", "not ", 1)
    if isinstance(test.expected, str):
        wanted = test.expected.replace("_", " ")
        return "" if outcome.outcome == test.expected else f"expected {wanted}, got {got}"
    if outcome.outcome == "not_measured":
        return f"not measured: {outcome.reason}"
    sites = {site for finding in seen.findings for site in finding.sites}
    if isinstance(test.expected, bool):
        wanted = "a finding" if test.expected else "no finding"
        return "" if bool(seen.findings) == test.expected else f"expected {wanted}, got {got}"
    missing, more = sorted(set(test.expected) - sites), sorted(sites - set(test.expected))
    words = [f"silent at {', '.join(missing)}"] if missing else []
    words += [f"fires at {', '.join(more)}"] if more else []
    return "; ".join((*words, outcome.reason) if words and outcome.reason else words)


def planned(rules: Sequence[Rule]) -> Mapping[ScanKey, ScanOptions]:
    """How each sample is scanned: once per way of scanning it, by the probes that all of these rules need."""
    metrics = metric_dictionary()
    wanted: dict[ScanKey, set[str]] = {}
    for rule in rules:
        needed = {name.removeprefix(OF_MODEL) if name not in metrics else name for name in names_of(rule)}
        for test in rule.tests:
            if isinstance(test, ModelTest):
                wanted.setdefault(scan_key(rule, test), set()).update(needed)
    return {key: _options(key, names) for key, names in wanted.items()}


def scan_key(rule: Rule, test: ModelTest) -> ScanKey:
    """What tells one scan of a sample from another."""
    target = sample_path(rule, test.sample)
    return target, test.static, test.train, test.seq_len, test.batch_size, test.dtype


def sample_path(rule: Rule, sample: str) -> str:
    """Where a sample lies: seen from the working directory, the rule's folders upwards, or our checkout."""
    name, colon, entry = sample.partition(":")
    homes = (Path(), *Path(rule.path).parents, resource_dir("rules").parent)
    found = next((home / name for home in homes if (home / name).is_file()), Path(name))
    return f"{found}{colon}{entry}"


def _options(key: ScanKey, metrics: Collection[str]) -> ScanOptions:
    target, static, train, seq_len, batch_size, dtype = key
    return ScanOptions(
        target=target,
        static=static,
        train=train,
        seq_len=seq_len,
        batch_size=batch_size,
        dtype=dtype,
        device="cpu",
        repeats=1,
        warmup=0,
        probes=probes_of(metrics) or _ANY_PROBE,
    )
