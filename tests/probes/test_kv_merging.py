"""Copies of keys and values are found and put into one group; what is unlike stays apart."""

from __future__ import annotations

import torch
from given_maps import LOADED, OPTIONS, call_of, drawn, gap, heads_of, number, show, site, trace_of
from torch import Tensor

from attnprobe.probes import kv_sharing
from attnprobe.probes.kv_merging import probe
from attnprobe.records import ProbeResult, Subject

TOKENS, WIDTH = 64, 8


def own(seed: int) -> Tensor:
    """Keys or values of one head, [TOKENS, WIDTH]."""
    return torch.randn(TOKENS, WIDTH, generator=torch.Generator().manual_seed(seed))


def turned(rows: Tensor) -> Tensor:
    basis = torch.linalg.qr(torch.randn(WIDTH, WIDTH, generator=torch.Generator().manual_seed(99)))[0]
    return rows @ basis


def result_of(keys: list[Tensor], values: list[Tensor], groups: tuple[int, ...] = ()) -> ProbeResult:
    groups = groups or tuple(range(len(keys)))
    of = site(
        heads=len(groups),
        num_kv_heads=len(keys),
        head_dim=WIDTH,
        value_dim=WIDTH,
        q_len=TOKENS,
        kv_len=TOKENS,
    )
    call = call_of(
        drawn(0, samples=1, heads=len(groups), length=TOKENS),
        of,
        key=torch.stack(keys)[None],
        value=torch.stack(values)[None],
        group_of_head=groups,
    )
    subject = Subject(trace=trace_of([of]), options=OPTIONS, model=LOADED)
    assert kv_sharing.probe.watch is not None
    subject.watched = {"kv_sharing": show(kv_sharing.probe.watch(subject), call)}
    return probe.run(subject)


def test_copies_fall_into_one_group_wherever_they_stand() -> None:
    keys, values = [own(0), own(1)] * 2, [own(2), own(3)] * 2
    result = result_of(keys, values)
    assert heads_of(result, "mergeable_kv_heads") == [0, 1, 0, 1]
    assert number(result, "mergeable_kv_heads") == 2


def test_a_rotated_copy_is_a_copy() -> None:
    result = result_of([own(0), turned(own(0))], [own(1), turned(own(1))])
    assert number(result, "mergeable_kv_heads") == 1


def test_equal_keys_with_other_values_stay_apart() -> None:
    assert number(result_of([own(0), own(0)], [own(1), own(2)]), "mergeable_kv_heads") == 2


def test_what_is_unlike_stays_apart() -> None:
    result = result_of([own(n) for n in range(4)], [own(10 + n) for n in range(4)])
    assert heads_of(result, "mergeable_kv_heads") == [0, 1, 2, 3]


def test_heads_have_the_group_of_their_key_value_head() -> None:
    result = result_of([own(0)] * 2, [own(1)] * 2, groups=(0, 0, 1, 1))
    assert heads_of(result, "mergeable_kv_heads") == [0, 0, 0, 0]


def test_one_head_and_heads_that_do_not_vary_have_none() -> None:
    assert gap(result_of([own(0)], [own(1)]), "mergeable_kv_heads") == "it has one key-value head"
    still = [torch.ones(TOKENS, WIDTH)] * 2
    assert gap(result_of(still, still), "mergeable_kv_heads") == "its keys or values do not vary"
