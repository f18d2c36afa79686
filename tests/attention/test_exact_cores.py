"""Cores of full attention: sdpa, dot, additive, qk_norm, soft_cap, sigmoid, talking_heads, learned_sink …"""

from __future__ import annotations

from math import e, log, sqrt, tanh

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from attnprobe.attention import Attention, Core, Mask, build
from attnprobe.errors import ShapeError
from attnprobe.testing import assert_core_conforms

CORES: dict[str, dict[str, object]] = {
    "sdpa": {},
    "grouped_sdpa": {},
    "dot": {},
    "scaled_dot": {},
    "additive": {"head_dim": 8, "chunk_size": 16},  # chunks smaller than most lengths
    "qk_norm": {"num_heads": 4},
    "soft_cap": {"cap": 3.0, "chunk_size": 16},
    "sigmoid": {"chunk_size": 16},
    "talking_heads": {"num_heads": 4, "chunk_size": 16},
    "learned_sink": {"num_heads": 4, "initial": 0.5},
}


@pytest.mark.parametrize("name", CORES)
def test_the_core_conforms(name: str) -> None:
    assert_core_conforms(build(name, **CORES[name]))


def two_keys(first: float, second: float, head_dim: int = 4) -> tuple[Tensor, Tensor, Tensor]:
    """One query e_1; keys first · e_1 and second · e_1; values 0 and 1: the output is the second weight."""
    query, key = torch.zeros(1, 1, 1, head_dim), torch.zeros(1, 1, 2, head_dim)
    query[..., 0], key[0, 0, 0, 0], key[0, 0, 1, 0] = 1.0, first, second
    return query, key, torch.tensor([0.0, 1.0]).view(1, 1, 2, 1).expand(1, 1, 2, head_dim)


def weight(core: Core, first: float, second: float) -> float:
    return core(*two_keys(first, second))[0, 0, 0, 0].item()


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def heads(length: int = 9) -> tuple[Tensor, Tensor, Tensor]:
    query, key, value = (random(2, 4, length, 8, seed=seed) for seed in range(3))
    return query, key, value


def test_dot_does_not_scale() -> None:
    # Scores 0 and ln 3: weights 1/4 and 3/4.
    assert weight(build("dot"), 0.0, log(3)) == pytest.approx(3 / 4)
    assert torch.equal(build("dot")(*heads()), F.scaled_dot_product_attention(*heads(), scale=1.0))


@pytest.mark.parametrize("name", ["scaled_dot", "sdpa"])
def test_scaled_dot_divides_by_the_root_of_the_width(name: str) -> None:
    # D = 4, so scores are halved: 0 and ln 3 again.
    assert weight(build(name), 0.0, 2 * log(3)) == pytest.approx(3 / 4)


def test_the_weights_of_scaled_dot_can_be_looked_at() -> None:
    query, key, value = heads()
    weights = build("scaled_dot").weights(query, key, Mask(is_causal=True))
    torch.testing.assert_close(weights.sum(-1), torch.ones(2, 4, 9, dtype=torch.float64))
    assert weights.triu(1).abs().max() == 0
    torch.testing.assert_close(
        weights @ value, F.scaled_dot_product_attention(query, key, value, is_causal=True)
    )


def test_additive_scores_are_a_small_network() -> None:
    core = build("additive", head_dim=4, hidden_dim=1)
    with torch.no_grad():
        core.query_proj.weight.zero_()
        core.query_proj.bias.fill_(0.5)
        core.key_proj.weight.copy_(torch.tensor([[1.0, 0.0, 0.0, 0.0]]))
        core.score_proj.weight.fill_(2.0)
    # Scores 2 tanh(0.5 + 0) and 2 tanh(0.5 + 1).
    ratio = e ** (2 * tanh(1.5) - 2 * tanh(0.5))
    assert weight(core, 0.0, 1.0) == pytest.approx(ratio / (1 + ratio))


def test_qk_norm_does_not_see_how_long_vectors_are() -> None:
    query, key, value = heads()
    core = build("qk_norm").double()
    torch.testing.assert_close(core(100 * query, 0.01 * key, value), core(query, key, value))


def test_the_gain_of_qk_norm_starts_at_the_formula_of_the_paper() -> None:
    # log2(4² - 4) = log2 12; cosines of e_1 with e_1 and -e_1 are 1 and -1.
    core = build("qk_norm", seq_len=4)
    assert core.gain.item() == pytest.approx(log(12) / log(2))
    ratio = e ** (2 * log(12) / log(2))
    assert weight(core, -7.0, 3.0) == pytest.approx(ratio / (1 + ratio))


def test_a_cap_of_one_bounds_the_score_by_one() -> None:
    # Scores 0 and 1 · tanh(500 / 1), which is 1.
    assert weight(build("soft_cap", cap=1.0), 0.0, 1000.0) == pytest.approx(e / (1 + e))


def test_soft_cap_becomes_full_attention_with_the_square_of_the_cap() -> None:
    full = F.scaled_dot_product_attention(*heads())
    near, far = ((build("soft_cap", cap=cap)(*heads()) - full).abs().max() for cap in (100.0, 1000.0))
    # c · tanh(s / c) = s - s³ / 3c² + …: ten times the cap, a hundredth of the error.
    assert near < 1e-2
    assert near / far == pytest.approx(100, rel=0.05)


def test_a_cap_must_be_positive() -> None:
    with pytest.raises(ShapeError, match="cap is 0"):
        build("soft_cap", cap=0.0)


def test_sigmoid_weighs_keys_one_by_one() -> None:
    # Two keys: σ(s - ln 2) is 1/3 at s = 0, and 1/2 at s = ln 2, whatever the other key.
    assert weight(build("sigmoid"), 5.0, 0.0) == pytest.approx(1 / 3)
    assert weight(build("sigmoid"), -5.0, 2 * log(2)) == pytest.approx(1 / 2)
    assert weight(build("sigmoid", score_bias=0.0), 5.0, 0.0) == pytest.approx(1 / 2)


def test_talking_heads_start_as_plain_attention_exactly() -> None:
    plain, talking = build("scaled_dot"), build("talking_heads", num_heads=4).double()
    assert torch.equal(talking(*heads()), plain(*heads()))


def test_talking_heads_mix_maps_before_and_after_the_softmax() -> None:
    query, key, value = heads()
    core = build("talking_heads", num_heads=4).double()
    with torch.no_grad():
        core.before.copy_(torch.eye(4).roll(1, dims=1))  # head h takes the scores of head h + 1
        core.after.copy_(torch.full((4, 4), 0.25))  # and all take the mean of the weights
    weights = build("scaled_dot").weights(query, key).roll(-1, dims=1).mean(1, keepdim=True)
    torch.testing.assert_close(core(query, key, value), weights @ value)


@pytest.mark.parametrize("name", ["talking_heads", "learned_sink"])
def test_another_number_of_heads_is_an_error(name: str) -> None:
    with pytest.raises(ShapeError, match="4 query heads; built for 3"):
        build(name, num_heads=3)(*heads())


def test_a_sink_at_zero_adds_one_to_the_denominator() -> None:
    # Scores 0 and ln 2 (D = 4): weight 2 / (1 + 1 + 2).
    assert weight(build("learned_sink", num_heads=1, initial=0.0), 0.0, 2 * log(2)) == pytest.approx(1 / 2)


def test_sinks_start_as_plain_attention() -> None:
    core = build("learned_sink", num_heads=4).double()
    for mask in (Mask(), Mask(is_causal=True)):
        expected = F.scaled_dot_product_attention(*heads(), is_causal=mask.is_causal)
        torch.testing.assert_close(core(*heads(), mask), expected, rtol=0, atol=1e-11)


def test_sinks_take_masks_that_are_broadcast_along_keys() -> None:
    core = build("learned_sink", num_heads=4, initial=1.0).double()
    mask = Mask(bias=random(9, 1), dense=torch.arange(9)[:, None] > 3)
    expected = core.reference(*heads(), mask, 8**-0.5)
    torch.testing.assert_close(core(*heads(), mask), expected)
    assert core(*heads(), mask)[:, :, :4].abs().max() == 0


@pytest.mark.parametrize("name", CORES)
def test_a_layer_trains_around_the_core(name: str) -> None:
    torch.manual_seed(0)
    layer = nn.Sequential(Attention(32, 4, build(name, **CORES[name])), nn.LayerNorm(32))
    x, target = torch.randn(4, 12, 32), torch.randn(4, 12, 32)
    optimizer = torch.optim.Adam(layer.parameters(), lr=3e-3)
    losses = []
    for _ in range(12):
        loss = (layer(x) - target).square().mean()
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert losses[-1] < losses[0] - 0.01
    assert all(each.grad is not None and each.grad.isfinite().all() for each in layer.parameters())


def test_the_usual_scale_is_one_over_the_root_of_the_width() -> None:
    assert build("sdpa").usual_scale(64) == 1 / sqrt(64)
    assert build("dot").usual_scale(64) == 1


def test_repeated_keys_are_read_once_and_not_copied() -> None:
    query, key, value = random(2, 8, 9, 4), random(2, 2, 9, 4, seed=1), random(2, 2, 9, 4, seed=2)
    copies = [each.repeat_interleave(4, dim=1) for each in (key, value)]
    core = build("grouped_sdpa", num_kv_heads=2)
    torch.testing.assert_close(core(query, *copies), F.scaled_dot_product_attention(query, *copies))
    first = core._distinct(copies[0])
    assert torch.equal(first, key)
    assert first.data_ptr() == copies[0].data_ptr()
    with pytest.raises(ShapeError, match="8 heads are no multiple"):
        build("grouped_sdpa", num_kv_heads=3)(query, *copies)
