from __future__ import annotations

from math import log

import pytest

from attnprobe.change_facts import CHANGE_FACTS, looks_at_sites
from attnprobe.comparing import ChangeSubject, change_subjects, compare
from attnprobe.records import BlindSpot, Location, PairedTimes, Scan
from tests.comparing.scans import FUSED, scan, stack


def subjects(base: Scan | None, head: Scan, **times: object) -> tuple[ChangeSubject, ...]:
    compared = compare(base, head, base_name="main", head_name="head", **times)
    return change_subjects(compared, base, head)


def test_every_subject_has_every_name() -> None:
    for subject in subjects(scan(sites=stack(2)), scan(sites=stack(1))):
        assert set(subject.facts) == set(CHANGE_FACTS)


def test_growth_is_relative_to_the_base() -> None:
    (model,) = subjects(
        scan({"flops_forward": 200, "parameters": 10}), scan({"flops_forward": 212, "parameters": 10})
    )
    assert model.site is None
    assert (model.facts["flops_growth"], model.facts["parameters_growth"]) == (pytest.approx(0.06), 0.0)
    assert (model.facts["flops_before"], model.facts["flops_after"]) == (200, 212)


def test_growth_that_cannot_be_compared_is_missing_with_its_reason() -> None:
    (model,) = subjects(scan({"flops_forward": 5}, length=64), scan({"flops_forward": 9}))
    assert model.facts["flops_growth"] is None
    assert model.reasons["flops_growth"] == "inputs: int64[1, 64] and int64[1, 128]"
    assert model.reasons["kv_cache_growth"] == "not measured in the base"


def test_growth_from_nothing_is_not_a_number() -> None:
    (model,) = subjects(scan({"kv_cache_bytes_per_token": 0}), scan({"kv_cache_bytes_per_token": 9}))
    assert model.facts["kv_cache_growth"] is None
    assert model.reasons["kv_cache_growth"] == "it was 0 before"


def test_sites_that_were_lost_and_their_kernels() -> None:
    place = Location("gpt.py", 18, "forward")
    base, head = stack(3, location=place), stack(2, kernel="unfused", location=place)
    model, *sites = subjects(scan(sites=base), scan(sites=head, blind_spots=()))
    assert (model.facts["sites_before"], model.facts["sites_after"]) == (3, 2)
    assert [each.facts["site_lost"] for each in sites] == [False, False, True]
    assert [each.facts["kernel_lost"] for each in sites] == [True, True, False]
    assert (sites[0].facts["kernel_before"], sites[0].facts["kernel_after"]) == (FUSED, "unfused")
    assert sites[2].site is not None
    assert sites[2].site.id == "blocks.2.attn"
    assert sites[2].site.location is None  # it would be a line of the base
    assert sites[1].site is not None
    assert sites[1].site.location is not None


def test_kernels_of_another_torch_are_not_called_lost() -> None:
    _, one = subjects(scan(sites=stack(1), torch="2.9.0"), scan(sites=stack(1, kernel="unfused")))
    assert one.facts["kernel_lost"] is None
    assert one.reasons["kernel_lost"] == "torch: 2.9 and 2.13"


def test_blind_spots_are_counted() -> None:
    spot = BlindSpot(module="encoder", kind="compiled", reason="it is compiled")
    (model,) = subjects(scan(), scan(blind_spots=(spot,)))
    assert (model.facts["blind_spots_before"], model.facts["blind_spots_after"]) == (0, 1)


def test_gradients_decay_by_the_growth_of_the_logarithm() -> None:
    name = "value_output_gradient_factor"
    (model,) = subjects(scan({name: 0.95}), scan({name: 0.7}))
    assert model.facts["gradient_decay"] == pytest.approx(-log(0.7) + log(0.95))
    (turned,) = subjects(scan({name: 0.8}), scan({name: 1.25}))  # 1 / .8: as far from 1 as before
    assert turned.facts["gradient_decay"] == pytest.approx(0.0)


def test_redundant_heads_are_those_beyond_one_per_cluster() -> None:
    base = scan(sites=stack(2, num_heads=8, metrics={"head_clusters": 8}))
    head = scan(sites=stack(2, num_heads=8, metrics={"head_clusters": 5}))
    model = subjects(base, head)[0]
    assert (model.facts["redundant_heads_before"], model.facts["redundant_heads_after"]) == (0, 6)


def test_redundancy_needs_data_and_training() -> None:
    sites = stack(2, metrics={"head_clusters": 5})
    random = subjects(scan(sites=sites, data="random"), scan(sites=sites, data="random"))[0]
    assert random.reasons["redundant_heads_after"] == "the inputs are random"
    fresh = subjects(scan(sites=sites), scan({"untrained_look": 1}, sites))[0]
    assert fresh.reasons["redundant_heads_after"] == "the weights look untrained"


def test_times_come_from_paired_runs_alone() -> None:
    before, after = scan({"forward_ms": 1.0}), scan({"forward_ms": 2.0})
    (model,) = subjects(before, after)
    assert model.reasons["forward_time_ratio"] == "times are only compared in paired runs: --time paired"
    times = PairedTimes(
        metric="forward_ms",
        base_ms=(1.0,) * 9,
        head_ms=(2.0,) * 9,
        ratio=2.0,
        low=1.9,
        high=2.1,
        confidence=0.96,
    )
    (model,) = subjects(before, after, times=[times])
    assert (model.facts["forward_time_ratio"], model.facts["forward_time_ratio_low"]) == (2.0, 1.9)
    assert model.facts["time_pairs"] == 9


def test_without_a_base_there_is_nothing_to_judge() -> None:
    assert subjects(None, scan({"flops_forward": 1}, stack(2))) == ()


def test_a_rule_looks_at_sites_when_it_uses_a_name_of_theirs() -> None:
    assert looks_at_sites({"kernel_lost", "flops_growth"})
    assert not looks_at_sites({"flops_growth", "opt_growth"})
