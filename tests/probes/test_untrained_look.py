"""Heads that do not look at the content: the weights look as they were drawn."""

from __future__ import annotations

import torch
from given_maps import LOADED, OPTIONS, call_of, gap, number, show, site, trace_of, written
from torch import Tensor

from attnprobe.probes import entropy, head_similarity, positional_heads, simple_approximation
from attnprobe.probes.untrained_look import probe
from attnprobe.records import ProbeResult, Subject

LENGTH = 32
READ = (entropy, head_similarity, simple_approximation, positional_heads)


def result_of(*sites: Tensor) -> ProbeResult:
    """Args: sites are maps [H, L, S], one per site."""
    calls = []
    for index, maps in enumerate(sites):
        of = site(f"h.{index}", heads=len(maps), q_len=LENGTH, kv_len=LENGTH)
        value = torch.randn(1, len(maps), LENGTH, 8, generator=torch.Generator().manual_seed(0))
        groups = tuple(range(len(maps)))
        calls.append(call_of(written(maps.tolist()), of, index, value=value, group_of_head=groups))
    subject = Subject(trace=trace_of([call.site for call in calls]), options=OPTIONS, model=LOADED)
    for module in READ:
        assert module.probe.watch is not None
        watcher = show(module.probe.watch(subject), *calls)
        subject.watched = {**subject.watched, module.probe.name: watcher}
    return probe.run(subject)


def nearly_even(heads: int, seed: int) -> Tensor:
    """Scores of deviation 0.01: entropies near the largest, patterns with nothing in common."""
    generator = torch.Generator().manual_seed(seed)
    return (0.01 * torch.randn(heads, LENGTH, LENGTH, generator=generator)).softmax(-1)


def in_an_order(heads: int) -> Tensor:
    """One-hot, to keys that no distance tells."""
    order = torch.randperm(LENGTH, generator=torch.Generator().manual_seed(0))
    return torch.eye(LENGTH)[order].expand(heads, -1, -1)


def test_even_heads_with_patterns_of_their_own_look_untrained() -> None:
    assert number(result_of(nearly_even(4, 0), nearly_even(4, 1)), "untrained_look", "") == 1


def test_uneven_heads_that_follow_the_distance_alone_do_too() -> None:
    # The bias of ALiBi, its slopes 1/4 and 1/16: nothing of it comes of the content.
    distance = (torch.arange(LENGTH) - torch.arange(LENGTH)[:, None]).abs()
    biased = torch.stack([-distance / 4, -distance / 16]).softmax(-1)
    assert number(result_of(biased), "untrained_look", "") == 1


def test_heads_that_follow_the_content_do_not() -> None:
    drawn = 3 * torch.randn(4, LENGTH, LENGTH, generator=torch.Generator().manual_seed(3))
    assert number(result_of(drawn.softmax(-1)), "untrained_look", "") == 0


def test_it_takes_half_of_all_heads() -> None:
    # Three heads that look at something and 2, then 3 even ones: 2 of 5, 3 of 6.
    assert number(result_of(in_an_order(3), nearly_even(2, 0)), "untrained_look", "") == 0
    assert number(result_of(in_an_order(3), nearly_even(3, 0)), "untrained_look", "") == 1


def test_a_lone_head_is_judged_too() -> None:
    assert number(result_of(torch.full((1, LENGTH, LENGTH), 1 / LENGTH)), "untrained_look", "") == 1
    assert number(result_of(in_an_order(1)), "untrained_look", "") == 0


def test_without_the_probes_it_reads_there_is_a_gap() -> None:
    subject = Subject(trace=trace_of([site()]), options=OPTIONS, model=LOADED)
    assert gap(probe.run(subject), "untrained_look", "") == (
        "it needs the probes entropy, head_similarity, simple_approximation, positional_heads"
    )
