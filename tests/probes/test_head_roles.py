"""Near, sinks, far."""

from __future__ import annotations

import pytest
import torch

from attnprobe.probes.head_roles import probe
from tests.probes.given_maps import call_of, heads_of, look, number, site, written

LENGTH = 40  # an eighth are 5


def result_of(*heads: torch.Tensor):  # type: ignore[no-untyped-def]
    of = site(heads=len(heads), q_len=LENGTH, kv_len=LENGTH)
    return look(probe, call_of(written(torch.stack(heads).tolist()), of))


def test_a_head_is_near_at_the_sinks_or_far() -> None:
    identity = torch.eye(LENGTH)
    local, sink = identity, identity[torch.zeros(LENGTH, dtype=torch.long)]
    far = identity[(torch.arange(LENGTH) + 20) % LENGTH]
    result = result_of(local, sink, far)
    # The first key is near for queries 0 to 5. Of the far head's keys 0 to 3 (queries 20 to 23) are sinks.
    assert heads_of(result, "distant_sink_mass") == pytest.approx([0.0, 34 / 40, 4 / 40])
    assert heads_of(result, "far_mass") == pytest.approx([0.0, 0.0, 36 / 40])
    assert heads_of(result, "far_mass_sharpness")[2] == pytest.approx(1.0)


def test_uniform_attention_is_as_near_as_uniform_attention() -> None:
    result = result_of(torch.full((LENGTH, LENGTH), 1 / LENGTH))
    assert number(result, "near_mass_lift") == pytest.approx(1.0)
    assert number(result, "far_mass_sharpness") < 0.05


def test_a_local_head_is_nearer_than_uniform_attention() -> None:
    # 11 keys within 5, fewer at both ends: 40 · 11 - 2 · (1 + 2 + 3 + 4 + 5) = 410 of 1600 pairs.
    assert number(result_of(torch.eye(LENGTH)), "near_mass_lift") == pytest.approx(1600 / 410)
