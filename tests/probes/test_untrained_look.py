"""Even, and each in its own way: then the weights look as they were drawn."""

from __future__ import annotations

import torch
from given_maps import LOADED, OPTIONS, call_of, gap, number, show, site, trace_of, written
from torch import Tensor

from attnprobe.probes import entropy, head_similarity
from attnprobe.probes.untrained_look import probe
from attnprobe.records import ProbeResult, Subject

LENGTH = 32


def result_of(*sites: Tensor) -> ProbeResult:
    """Args: sites are maps [H, L, S], one per site."""
    calls = [
        call_of(
            written(maps.tolist()), site(f"h.{index}", heads=len(maps), q_len=LENGTH, kv_len=LENGTH), index
        )
        for index, maps in enumerate(sites)
    ]
    subject = Subject(trace=trace_of([call.site for call in calls]), options=OPTIONS, model=LOADED)
    for needed in (entropy.probe, head_similarity.probe):
        assert needed.watch is not None
        subject.watched = {**subject.watched, needed.name: show(needed.watch(subject), *calls)}
    return probe.run(subject)


def nearly_even(heads: int, seed: int) -> Tensor:
    """Scores of deviation 0.01: entropies near the largest, patterns with nothing in common."""
    generator = torch.Generator().manual_seed(seed)
    return (0.01 * torch.randn(heads, LENGTH, LENGTH, generator=generator)).softmax(-1)


def test_even_heads_with_patterns_of_their_own_look_untrained() -> None:
    assert number(result_of(nearly_even(4, 0), nearly_even(4, 1)), "untrained_look", "") == 1


def test_even_heads_that_share_a_pattern_do_not() -> None:
    shared = nearly_even(1, 0).expand(4, -1, -1)
    assert number(result_of(shared), "untrained_look", "") == 0


def test_sharp_heads_do_not() -> None:
    assert number(result_of(torch.eye(LENGTH).expand(4, -1, -1)), "untrained_look", "") == 0


def test_it_takes_more_than_half_of_all_heads() -> None:
    # Two sharp heads and 2, then 3 even ones: 2 of 4 are not enough, 3 of 5 are.
    sharp = torch.eye(LENGTH).expand(2, -1, -1)
    assert number(result_of(sharp, nearly_even(2, 0)), "untrained_look", "") == 0
    assert number(result_of(sharp, nearly_even(3, 0)), "untrained_look", "") == 1


def test_a_lone_head_is_judged_by_its_entropy() -> None:
    assert number(result_of(torch.full((1, LENGTH, LENGTH), 1 / LENGTH)), "untrained_look", "") == 1


def test_without_the_probes_it_reads_there_is_a_gap() -> None:
    subject = Subject(trace=trace_of([site()]), options=OPTIONS, model=LOADED)
    assert gap(probe.run(subject), "untrained_look", "") == "it needs the probes entropy and head_similarity"
