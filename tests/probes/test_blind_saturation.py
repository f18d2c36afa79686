"""One-hot and without coverage: not the head that finds the previous token, not the one that averages."""

from __future__ import annotations

import pytest
import torch
from given_maps import LOADED, OPTIONS, call_of, gap, heads_of, show, site, trace_of, written

from attnprobe.probes import key_mass, saturation
from attnprobe.probes.blind_saturation import probe
from attnprobe.records import Subject

LENGTH = 20


def test_only_the_head_that_looks_at_one_key_is_blind() -> None:
    identity = torch.eye(LENGTH)
    positional, fixed = identity.roll(1, 1), identity[torch.full((LENGTH,), 7)]
    even = torch.full((LENGTH, LENGTH), 1 / LENGTH)
    half = torch.cat([fixed[:10], even[:10]])  # 10 of 20 queries are one-hot
    maps = torch.stack([positional, fixed, even, half])
    call = call_of(written(maps.tolist()), site(heads=4, q_len=LENGTH, kv_len=LENGTH))
    subject = Subject(trace=trace_of([call.site]), options=OPTIONS, model=LOADED)
    for needed in (saturation.probe, key_mass.probe):
        assert needed.watch is not None
        subject.watched = {**subject.watched, needed.name: show(needed.watch(subject), call)}
    # fixed: all queries are one-hot, 19 of 20 keys get nothing. half: 10 of 20 queries, and every key gets
    # 10/20 · 1/20 on average, half of what uniform attention gives: no key is left out.
    assert heads_of(probe.run(subject), "blind_saturation") == pytest.approx([0.0, 19 / 20, 0.0, 0.0])


def test_without_the_probes_it_reads_there_is_a_gap() -> None:
    subject = Subject(trace=trace_of([site()]), options=OPTIONS, model=LOADED)
    assert gap(probe.run(subject), "blind_saturation", "") == "it needs the probes saturation and key_mass"
