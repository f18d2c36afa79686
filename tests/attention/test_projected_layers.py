"""Layers with projections: multi_head … latent … differential … value_residual."""

from __future__ import annotations

from math import exp

import pytest
import torch
from torch import Tensor, nn

from attnprobe.attention import Attention, Mask, Rotary, build
from attnprobe.errors import MaskError, ShapeError
from attnprobe.testing import assert_module_conforms

LAYERS: dict[str, tuple[str, dict[str, object]]] = {
    "multi_head": ("multi_head", {"positions": Rotary(8)}),
    "grouped_query": ("grouped_query", {"num_kv_heads": 2, "qk_norm": True, "positions": Rotary(8)}),
    "multi_query": ("multi_query", {}),
    "gated_output": ("gated_output", {}),
    "gated_output, one gate per head": ("gated_output", {"is_headwise": True}),
    "value_residual": ("value_residual", {}),
    "cross_layer_kv": ("cross_layer_kv", {"num_kv_heads": 2, "rotary": Rotary(8)}),
    "differential": (
        "differential",
        {"num_kv_heads": 2, "lambda_init": 0.3, "has_norm": True, "positions": Rotary(8)},
    ),
    "latent": ("latent", {"rank": 6}),
    "latent with rotary positions": ("latent", {"rank": 6, "rotary_dim": 4, "has_norm": False, "bias": True}),
}


@pytest.mark.parametrize("case", LAYERS)
def test_the_layer_conforms(case: str) -> None:
    name, options = LAYERS[case]
    assert_module_conforms(build(name, embed_dim=32, num_heads=4, **options))


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def with_weights_of(plain: nn.Module, layer: nn.Module) -> nn.Module:
    """The layer, with the projections of a plain one; what is new in it keeps its start."""
    layer.double().load_state_dict(plain.double().state_dict(), strict=False)
    return layer


def test_multi_head_equals_that_of_torch() -> None:
    theirs = nn.MultiheadAttention(32, 4, batch_first=True).double()
    ours = build("multi_head", embed_dim=32, num_heads=4).double()
    projections = (ours.q_proj, ours.k_proj, ours.v_proj)
    with torch.no_grad():
        theirs.in_proj_bias.copy_(random(96))
        for part, weight, bias in zip(
            projections, theirs.in_proj_weight.chunk(3), theirs.in_proj_bias.chunk(3), strict=True
        ):
            part.weight.copy_(weight)
            part.bias.copy_(bias)
    ours.o_proj.load_state_dict(theirs.out_proj.state_dict())
    x, context = random(2, 7, 32), random(2, 11, 32, seed=1)
    expected, _ = theirs(x, context, context)
    torch.testing.assert_close(ours(x, context), expected)


def test_grouped_query_is_multi_head_with_repeated_keys() -> None:
    grouped = build("grouped_query", embed_dim=32, num_heads=4, num_kv_heads=2).double()
    full = Attention(32, 4)
    state = grouped.state_dict()
    for name in ("k_proj", "v_proj"):
        for kind in ("weight", "bias"):  # heads 0, 1 read group 0; heads 2, 3 read group 1
            parts = state[f"{name}.{kind}"].split(8)
            state[f"{name}.{kind}"] = torch.cat((parts[0], parts[0], parts[1], parts[1]))
    full.double().load_state_dict(state)
    x = random(2, 9, 32)
    torch.testing.assert_close(grouped(x, mask=Mask(is_causal=True)), full(x, mask=Mask(is_causal=True)))


@pytest.mark.parametrize(
    ("name", "options", "numbers"),
    [
        ("multi_head", {}, 2 * 4 * 8),
        ("grouped_query", {"num_kv_heads": 2}, 2 * 2 * 8),
        ("multi_query", {}, 2 * 8),
        ("latent", {"rank": 6, "rotary_dim": 4}, 6 + 4),
        ("differential", {}, 3 * 4 * 8),
    ],
)
def test_the_cache_holds_so_many_numbers_per_token(name: str, options: dict[str, int], numbers: int) -> None:
    layer = build(name, embed_dim=32, num_heads=4, **options)
    cache = layer.new_cache()
    layer(torch.randn(1, 5, 32), cache=cache)
    layer(torch.randn(1, 1, 32), cache=cache)
    assert cache.key.numel() + cache.value.numel() == 6 * numbers


def test_a_latent_of_full_rank_is_multi_head_attention() -> None:
    plain = Attention(32, 4, bias=False).double()
    latent = with_weights_of(plain, build("latent", embed_dim=32, num_heads=4, rank=64, has_norm=False))
    with torch.no_grad():  # c holds keys and values as they are
        latent.down_proj.weight.copy_(torch.cat((plain.k_proj.weight, plain.v_proj.weight)))
        latent.key_up_proj.weight.copy_(torch.eye(32, 64))
        latent.value_up_proj.weight.copy_(torch.eye(64)[32:])
    x = random(2, 9, 32)
    torch.testing.assert_close(latent(x, mask=Mask(is_causal=True)), plain(x, mask=Mask(is_causal=True)))


def test_a_latent_nears_attention_as_its_rank_grows() -> None:
    plain, x = Attention(32, 4, bias=False).double(), random(2, 9, 32)
    left, values, right = torch.linalg.svd(torch.cat((plain.k_proj.weight, plain.v_proj.weight)).detach())
    errors = []
    for rank in (4, 16, 28, 32):  # the joint matrix is [64, 32]: rank 32 is all of it
        latent = with_weights_of(plain, build("latent", embed_dim=32, num_heads=4, rank=rank, has_norm=False))
        up = left[:, :rank] * values[:rank]
        with torch.no_grad():
            latent.down_proj.weight.copy_(right[:rank])
            latent.key_up_proj.weight.copy_(up[:32])
            latent.value_up_proj.weight.copy_(up[32:])
            errors.append((latent(x) - plain(x)).abs().max().item())
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 1e-12 < 1e-3 < errors[0]


def test_a_gate_of_zero_changes_nothing_and_a_wide_open_one_doubles() -> None:
    plain, x = Attention(32, 4, bias=False), random(2, 9, 32)
    gated = with_weights_of(plain, build("gated_output", embed_dim=32, num_heads=4, bias=False))
    assert torch.equal(gated(x), plain(x))
    x[..., 0] = 1.0
    with torch.no_grad():
        gated.gate_proj.weight[:, 0] = 1e3
        gated.gate_proj.weight[:, 1:] = 0
    torch.testing.assert_close(gated(x), 2 * plain(x))


def test_differential_without_lambda_is_plain_attention_exactly() -> None:
    plain, x = Attention(32, 4), random(2, 9, 32)
    layer = with_weights_of(plain, build("differential", embed_dim=32, num_heads=4))
    assert torch.equal(layer(x, mask=Mask(is_causal=True)), plain(x, mask=Mask(is_causal=True)))
    layer(x).sum().backward()
    assert layer.lambda_key.grad.abs().sum() > 0  # and it can be trained from there


def test_two_equal_maps_cancel() -> None:
    layer = build("differential", embed_dim=32, num_heads=4, lambda_init=1.0, bias=False).double()
    layer.second_q_proj.load_state_dict(layer.q_proj.state_dict())
    layer.second_k_proj.load_state_dict(layer.k_proj.state_dict())
    assert layer(random(2, 9, 32)).abs().max() < 1e-15


def test_lambda_is_the_formula_of_the_paper() -> None:
    # a·b = 8 · 0.25 · 0.5 = 1 and a'·b' = 0: λ = e - 1 + 0.2. Equal maps leave 1 - λ of the output.
    layer = build("differential", embed_dim=32, num_heads=4, lambda_init=0.2, bias=False).double()
    plain = with_weights_of(layer, Attention(32, 4, bias=False))
    layer.second_q_proj.load_state_dict(layer.q_proj.state_dict())
    layer.second_k_proj.load_state_dict(layer.k_proj.state_dict())
    with torch.no_grad():
        layer.lambda_query.fill_(0.25)
        layer.lambda_key[0] = 0.5
    x = random(2, 9, 32)
    torch.testing.assert_close(layer(x), (1 - (exp(1) - 1 + 0.2)) * plain(x))


def test_value_residual_adds_the_first_values() -> None:
    plain, x = Attention(32, 4, bias=False), random(2, 9, 32)
    layer = with_weights_of(plain, build("value_residual", embed_dim=32, num_heads=4, bias=False))
    first = layer.values(x)
    assert torch.equal(layer(x, first_values=first), plain(x))
    with torch.no_grad():
        layer.mix.fill_(0.5)  # its own values for those of the first layer: 1.5 of everything
    torch.testing.assert_close(layer(x, first_values=first), 1.5 * plain(x))
    with pytest.raises(ShapeError, match="first_values is"):
        layer(x, first_values=first[:, :2])


def test_the_second_layer_reads_what_the_first_projected() -> None:
    first = build("cross_layer_kv", embed_dim=32, num_heads=4, num_kv_heads=2).double()
    second = build("cross_layer_kv", embed_dim=32, num_heads=4, num_kv_heads=2, owns_kv=False).double()
    assert {name.split(".")[0] for name in second.state_dict()} == {"q_proj", "o_proj"}
    x, y = random(2, 9, 32), random(2, 9, 32, seed=1)
    plain = Attention(32, 4, num_kv_heads=2).double()
    plain.load_state_dict(first.state_dict() | second.state_dict())
    out = second(y, shared=first.keys_values(x), mask=Mask(is_causal=True))
    torch.testing.assert_close(out, plain(y, x, mask=Mask(is_causal=True)))
    with pytest.raises(ShapeError, match="give it shared ones"):
        second(y)


def test_two_layers_decode_from_one_cache() -> None:
    rotary = Rotary(8)
    first, second = (
        build("cross_layer_kv", embed_dim=32, num_heads=4, rotary=rotary, owns_kv=owns).double()
        for owns in (True, False)
    )

    def both(x: Tensor, shared: tuple[Tensor, Tensor]) -> Tensor:
        x = x + first(x, shared=shared, mask=Mask(is_causal=True))
        return x + second(x, shared=shared, mask=Mask(is_causal=True))

    x, cache = random(2, 9, 32), first.new_cache()
    expected = both(x, first.keys_values(x))
    found = [both(part, first.keys_values(part, cache=cache)) for part in x.split((4, 1, 1, 3), dim=1)]
    torch.testing.assert_close(torch.cat(found, dim=1), expected)


def test_pooling_with_equal_scores_is_the_mean() -> None:
    pooling = build("attention_pooling", embed_dim=32, num_heads=4, num_queries=3, bias=False).double()
    with torch.no_grad():
        pooling.seeds.zero_()
        pooling.attention.v_proj.weight.copy_(torch.eye(32))
        pooling.attention.o_proj.weight.copy_(torch.eye(32))
    x, real = random(2, 9, 32), torch.arange(9).expand(2, 9) < 6
    torch.testing.assert_close(pooling(x), x.mean(1, keepdim=True).expand(-1, 3, -1))
    torch.testing.assert_close(
        pooling(x, mask=Mask(padding=real)), x[:, :6].mean(1, keepdim=True).expand(-1, 3, -1)
    )


def test_pooling_does_not_see_the_order_and_refuses_masks_that_need_one() -> None:
    pooling, x = build("attention_pooling", embed_dim=32, num_heads=4).double(), random(2, 9, 32)
    torch.testing.assert_close(pooling(x.flip(1)), pooling(x))
    with pytest.raises(MaskError, match="causal"):
        pooling(x, mask=Mask(is_causal=True))
    assert_module_conforms(
        # Summaries are no tokens, so padding of tokens says nothing of them.
        build("attention_pooling", embed_dim=32, num_heads=4, num_queries=2),
        skip=("padding_content", "padding_length", "refusal"),
    )
