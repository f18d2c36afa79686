"""Windows: how much mass they hold, and what is lost with the rest."""

from __future__ import annotations

import pytest
import torch

from attnprobe.observing.calls import AttentionCall
from attnprobe.probes.window_approximation import probe
from tests.probes.given_maps import call_of, gap, heads_of, look, number, site, written

LENGTH = 40


def call_with(*heads: torch.Tensor, **changes: object) -> AttentionCall:
    """Heads given by their maps [S, S]; values all different."""
    weights = torch.stack(heads)
    values = torch.randn(1, len(heads), weights.shape[-1], 4, generator=torch.Generator().manual_seed(0))
    of = site(heads=len(heads), q_len=weights.shape[1], kv_len=weights.shape[2], **changes)
    return call_of(written(weights.tolist()), of, value=values, group_of_head=tuple(range(len(heads))))


def looking(back: int) -> torch.Tensor:
    """All mass on the key `back` positions before, or on the first."""
    place = (torch.arange(LENGTH) - back).clamp(min=0)
    return torch.eye(LENGTH)[place]


def test_a_head_that_looks_one_token_back_needs_a_window_of_one() -> None:
    result = look(probe, call_with(looking(1)))
    assert number(result, "window_for_99") == 1
    assert number(result, "window_16_mass") == pytest.approx(1.0)
    assert number(result, "window_16_error") == pytest.approx(0.0, abs=1e-6)


def test_the_window_is_told_per_head() -> None:
    result = look(probe, call_with(looking(0), looking(3), looking(20)))
    assert heads_of(result, "window_for_99") == [0, 3, 20]


def test_the_mean_of_heads_stands_for_the_site() -> None:
    assert number(look(probe, call_with(looking(2), looking(20))), "window_for_99") == 11


def test_mass_beyond_the_window_is_missing() -> None:
    far = looking(20)  # queries 0 to 36 find their key, or the first one, within 16 only up to query 16
    assert number(look(probe, call_with(far)), "window_16_mass") == pytest.approx(17 / 40)


def test_a_head_that_reads_the_first_key_needs_no_window_beside_the_sinks() -> None:
    result = look(probe, call_with(looking(LENGTH)))
    assert number(result, "window_for_99") == 39
    assert number(result, "sink_window_for_99") == 0
    assert number(result, "sink_window_16_error") == pytest.approx(0.0, abs=1e-6)
    assert number(result, "window_16_mass") == pytest.approx(17 / 40)
    # Queries past 16 have no mass left and output 0: each loses the value of the first key, as all have it.
    assert number(result, "window_16_error") == pytest.approx((23 / 40) ** 0.5, rel=1e-5)


def test_what_is_kept_is_scaled_back_to_the_whole() -> None:
    half = 0.5 * looking(0) + 0.5 * looking(LENGTH)
    call = call_with(half)
    assert call.value is not None
    own, first = call.value[0, 0], call.value[0, 0, 0]
    output = (own + first) / 2
    lost = (own - output)[17:]  # the first 17 queries have the first key within 16
    expected = float(lost.norm() / output.norm())
    assert number(look(probe, call), "window_16_error") == pytest.approx(expected, rel=1e-5)


def test_an_eighth_of_what_is_seen_is_the_relative_window() -> None:
    result = look(probe, call_with(looking(5), looking(6)))  # 40 / 8 = 5
    # The head that looks 6 back reaches within 5 only where it looks at the first key: queries 0 to 5.
    assert heads_of(result, "window_eighth_mass") == pytest.approx([1.0, 6 / 40])


def test_uniform_attention_needs_nearly_all() -> None:
    uniform = torch.full((LENGTH, LENGTH), 1 / LENGTH)
    result = look(probe, call_with(uniform))
    # 1600 pairs, (40 - d) (40 - d - 1) of them farther than d: at 35 there are 20 (more than 1 %), at 36 12.
    assert number(result, "window_for_99") == 36
    assert number(result, "window_for_99_share") == pytest.approx(36 / 40)


def test_a_long_window_is_rounded_up_by_less_than_a_32nd() -> None:
    length = 300
    place = (torch.arange(length) - 101).clamp(min=0)
    result = look(probe, call_with(torch.eye(length)[place]))
    assert number(result, "window_for_99") == 102  # 64 + 2 · 19


def test_cross_attention_has_no_distance() -> None:
    result = look(probe, call_with(looking(1), role="cross"))
    assert "different sequences" in gap(result, "window_for_99")


def test_a_head_without_output_has_no_error() -> None:
    call = call_with(looking(1), looking(1))
    assert call.value is not None
    call.value[0, 1] = 0.0
    found = heads_of(look(probe, call), "window_16_error")
    assert found[0] == pytest.approx(0.0, abs=1e-6)
    assert found[1] != found[1]


def test_a_site_without_a_map_says_why() -> None:
    call = call_of(None, site(), missing="its parts were computed under different masks")
    assert gap(look(probe, call), "window_16_error") == "its parts were computed under different masks"


def test_a_negative_weight_is_no_share() -> None:
    weights = torch.eye(4) - 0.1
    call = call_of(
        written([weights.tolist()], is_softmax=False),
        site(q_len=4, kv_len=4),
        value=torch.ones(1, 1, 4, 2),
        group_of_head=(0,),
    )
    assert "negative" in gap(look(probe, call), "window_16_mass")


def test_weights_that_do_not_add_up_to_one_count_as_shares() -> None:
    call = call_with(looking(1))
    sigmoid = call_of(
        written((3 * looking(1))[None].tolist(), is_softmax=False),
        call.site,
        value=call.value,
        group_of_head=(0,),
    )
    result = look(probe, sigmoid)
    assert number(result, "window_16_mass") == pytest.approx(1.0)
    assert number(result, "window_16_error") == pytest.approx(0.0, abs=1e-6)
