from __future__ import annotations

from dataclasses import replace

from attnprobe.checking.evaluating.facts import ScanFacts
from attnprobe.checking.packs import metric_dictionary
from attnprobe.checking.packs.names import SCAN, SITE
from attnprobe.records import InputTensor
from tests.checking.evaluating.small_scans import scan_of, site

NAMES = {
    *SITE,
    *SCAN,
    "dense_mask_pattern",
    "parameters",
    "model_flops_forward",
    "flops_forward",
    "sink_mass",
}


def test_every_field_that_rules_may_name_is_a_fact() -> None:
    facts = ScanFacts(scan_of(site(0, {})), NAMES).sites[0].facts
    assert {*SITE, *SCAN} <= facts.keys()
    assert (facts["kv_len"], facts["mechanism"], facts["is_causal"]) == (4096, "dot_product", True)
    assert (facts["group_size"], facts["num_sites"]) == (1, 1)


def test_an_enumeration_is_known_by_its_label() -> None:
    labels = metric_dictionary()["dense_mask_pattern"].labels
    causal, beyond = labels.index("causal"), len(labels)
    sites = (site(0, {"dense_mask_pattern": causal}), site(1, {"dense_mask_pattern": beyond}), site(2, {}))
    found = [each.facts.get("dense_mask_pattern") for each in ScanFacts(scan_of(*sites), NAMES).sites]
    assert found == ["causal", None, None]


def test_totals_are_told_from_the_numbers_of_a_site() -> None:
    scan = scan_of(site(0, {"flops_forward": 5}), totals={"flops_forward": 50, "parameters": 7})
    facts = ScanFacts(scan, NAMES).sites[0].facts
    assert (facts["flops_forward"], facts["model_flops_forward"], facts["parameters"]) == (5, 50, 7)
    of_model = ScanFacts(scan, NAMES).model.facts
    assert (of_model["model_flops_forward"], of_model["parameters"]) == (50, 7)
    assert "flops_forward" not in of_model


def test_heads_have_their_own_numbers_where_there_are_some() -> None:
    scan = scan_of(site(0, {"sink_mass": 0.5, "flops_forward": 5}, heads={"sink_mass": (0.25,)}))
    heads = [each.facts for each in ScanFacts(scan, NAMES).heads]
    assert [(each["head"], each["sink_mass"], each["flops_forward"]) for each in heads] == [
        (0, 0.25, 5),
        (1, None, 5),  # a number per head is there, but not for this one
    ]


def test_the_parts_of_a_subject_are_its_heads_or_sites() -> None:
    facts = ScanFacts(scan_of(*(site(n, {"flops_forward": n}) for n in range(3))), NAMES)
    assert len(facts.sites[0].parts()) == 2
    assert [part["flops_forward"] for part in facts.model.parts()] == [0, 1, 2]
    assert [part["flops_forward"] for part in facts.groups[0].parts()] == [0, 1, 2]


def test_a_group_knows_what_its_sites_share() -> None:
    scan = scan_of(site(0, {}), replace(site(1, {}), kernel="other"))
    (group,) = ScanFacts(scan, NAMES).groups
    assert (group.facts["kv_len"], group.facts["kernel"], group.facts["group_size"]) == (4096, None, 2)


def test_what_was_guessed_is_counted() -> None:
    inputs = tuple(
        InputTensor(name=str(n), shape=(1,), dtype="int64", origin=origin)
        for n, origin in enumerate(("given", "guessed", "guessed"))
    )
    scan = scan_of()
    loss = "random projection of the output (seed 0)"
    facts = ScanFacts(
        replace(scan, workload=replace(scan.workload, inputs=inputs, loss=loss)), NAMES
    ).model.facts
    assert (facts["guessed_inputs"], facts["guessed_loss"]) == (2, True)
    given = ScanFacts(replace(scan, workload=replace(scan.workload, loss="given")), NAMES).model.facts
    assert (given["guessed_inputs"], given["guessed_loss"]) == (0, False)
