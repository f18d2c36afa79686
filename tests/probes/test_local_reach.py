"""Which heads a window would do for."""

from __future__ import annotations

import torch
from given_maps import LOADED, OPTIONS, call_of, gap, heads_of, number, show, site, trace_of, written
from torch import Tensor

from attnprobe.probes import window_approximation
from attnprobe.probes.local_reach import probe
from attnprobe.records import ProbeResult, Subject

LENGTH = 40  # an eighth are 5, a quarter are 10
IDENTITY = torch.eye(LENGTH)
NEAR = IDENTITY
AT_12 = IDENTITY[(torch.arange(LENGTH) + 12) % LENGTH]  # 12 to the right, at the end 28 to the left
SINK = IDENTITY[torch.zeros(LENGTH, dtype=torch.long)]
EVEN = torch.full((LENGTH, LENGTH), 1 / LENGTH)


def result_of(*sites: tuple[Tensor, ...]) -> ProbeResult:
    calls = []
    for index, heads in enumerate(sites):
        of = site(f"h.{index}", heads=len(heads), q_len=LENGTH, kv_len=LENGTH)
        value = torch.randn(1, len(heads), LENGTH, 4, generator=torch.Generator().manual_seed(0))
        maps = written(torch.stack(heads).tolist())
        calls.append(call_of(maps, of, index, value=value, group_of_head=tuple(range(len(heads)))))
    subject = Subject(trace=trace_of([call.site for call in calls]), options=OPTIONS, model=LOADED)
    assert window_approximation.probe.watch is not None
    watcher = show(window_approximation.probe.watch(subject), *calls)
    subject.watched = {"window_approximation": watcher}
    return probe.run(subject)


def test_each_head_has_the_smallest_window_that_does() -> None:
    result = result_of((NEAR, SINK, AT_12, EVEN))
    assert heads_of(result, "covering_window", "h.0") == [5, 40, 40, 40]
    assert heads_of(result, "covering_sink_window", "h.0") == [5, 5, 40, 40]


def test_the_site_has_the_widest_of_its_heads() -> None:
    assert number(result_of((NEAR, EVEN)), "covering_window", "h.0") == 40
    assert number(result_of((NEAR, NEAR)), "covering_window", "h.0") == 5


def test_local_heads_and_layers_are_counted() -> None:
    result = result_of((NEAR, SINK, AT_12, EVEN), (NEAR, NEAR, SINK, SINK))
    assert number(result, "local_heads", "h.0") == 0.5
    assert number(result, "local_heads", "h.1") == 1.0
    assert number(result, "local_layers", "") == 0.5


def test_a_window_as_wide_as_the_keys_is_none() -> None:
    # 256 tokens cover everything: that says nothing, and stays at the 40 keys there are.
    assert max(heads_of(result_of((EVEN,)), "covering_window", "h.0")) == LENGTH


def test_without_the_windows_there_is_a_gap() -> None:
    subject = Subject(trace=trace_of([site()]), options=OPTIONS, model=LOADED)
    assert gap(probe.run(subject), "local_heads", "") == "it needs the probe window_approximation"
