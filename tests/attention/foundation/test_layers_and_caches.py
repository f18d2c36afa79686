"""Layers around cores, caches, and every shape at once."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from attnprobe.attention import Attention, KeyValueCache, Mask, build
from attnprobe.errors import MaskError, ShapeError


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


@settings(max_examples=60, deadline=None)
@given(
    name=st.sampled_from(("sdpa", "scaled_dot")),
    groups=st.sampled_from(((1, 1), (4, 2), (6, 3), (3, 1))),
    q_len=st.integers(1, 20),
    kv_len=st.integers(1, 20),
    is_causal=st.booleans(),
    window=st.none() | st.tuples(st.none() | st.integers(0, 5), st.none() | st.integers(0, 5)),
    seed=st.integers(0, 99),
)
def test_exact_cores_equal_the_math_of_torch(
    name: str,
    groups: tuple[int, int],
    q_len: int,
    kv_len: int,
    is_causal: bool,
    window: tuple[int | None, int | None] | None,
    seed: int,
) -> None:
    heads, kv_heads = groups
    query = random(2, heads, q_len, 4, seed=seed)
    key, value = (random(2, kv_heads, kv_len, 4, seed=seed + n) for n in (1, 2))
    place = torch.arange(q_len)[:, None] + kv_len - q_len - torch.arange(kv_len)  # how far back a key is
    visible = torch.ones(q_len, kv_len, dtype=torch.bool)
    if is_causal:
        visible &= place >= 0
    if window is not None:
        visible &= (place <= (99 if window[0] is None else window[0])) & (
            place >= -(99 if window[1] is None else window[1])
        )
    repeated = [each.repeat_interleave(heads // kv_heads, dim=1) for each in (key, value)]
    with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
        expected = F.scaled_dot_product_attention(query, *repeated, attn_mask=visible)
    found = build(name)(query, key, value, Mask(is_causal=is_causal, window=window))
    torch.testing.assert_close(found, expected)


def test_one_query_of_grouped_heads_is_folded_and_copies_no_key() -> None:
    # Folded, the call is [B, G, H/G, D] x [B, G, S, D]: its inputs are the cache itself.
    seen: list[tuple[int, ...]] = []

    class Spy(torch.overrides.TorchFunctionMode):
        def __torch_function__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
            if func is F.scaled_dot_product_attention:
                seen.extend(tuple(each.shape) for each in args[:3])
                pointers.append(args[1].data_ptr())
            return func(*args, **(kwargs or {}))

    pointers: list[int] = []
    query, key, value = random(2, 8, 1, 4), random(2, 2, 30, 4, seed=1), random(2, 2, 30, 4, seed=2)
    with Spy():
        found = build("sdpa")(query, key, value, Mask(is_causal=True))
    assert seen == [(2, 2, 4, 4), (2, 2, 30, 4), (2, 2, 30, 4)]
    assert pointers == [key.data_ptr()]
    repeated = [each.repeat_interleave(4, dim=1) for each in (key, value)]
    torch.testing.assert_close(found, F.scaled_dot_product_attention(query, *repeated))


def test_a_limited_cache_keeps_sinks_and_the_latest() -> None:
    cache = KeyValueCache(limit=3, sinks=1)
    cache.padding = torch.tensor([[False, True, True, True, True, True]])
    tokens = torch.arange(6.0).view(1, 1, 6, 1)
    keys, _ = cache.append(tokens, tokens)
    assert keys.flatten().tolist() == [0, 1, 2, 3, 4, 5]
    assert cache.key is not None
    assert cache.key.flatten().tolist() == [0, 3, 4, 5]
    keys, _ = cache.append(tokens[:, :, :1] + 6, tokens[:, :, :1] + 6)
    assert keys.flatten().tolist() == [0, 3, 4, 5, 6]
    assert cache.seen is not None
    assert cache.seen.tolist() == [[False, True, True, True, True]]
    assert cache.length == 7


def test_with_a_cache_only_the_padding_of_the_prompt_can_be_given() -> None:
    layer, x = Attention(8, 2), torch.randn(1, 3, 8)
    cache = layer.new_cache()
    with pytest.raises(MaskError, match="the mask also sets window"):
        layer(x, mask=Mask(window=(1, 0)), cache=cache)
    layer(x, cache=cache)
    with pytest.raises(MaskError, match="padding belongs to the first call"):
        layer(x, mask=Mask(padding=torch.ones(1, 3, dtype=torch.bool)), cache=cache)


def test_a_layer_with_grouped_heads_keeps_its_state_by_the_usual_names() -> None:
    state = Attention(32, 4, num_kv_heads=2, qk_norm=True).state_dict()
    names = {name.rsplit(".", 1)[0] for name in state}
    assert names == {"q_proj", "k_proj", "v_proj", "o_proj", "q_norm", "k_norm"}
    assert state["k_proj.weight"].shape == (16, 32)


def test_normalised_queries_are_the_same_in_every_dtype() -> None:
    layer = Attention(8, 2, qk_norm=True)
    x = torch.full((1, 2, 1, 4), 1e-2)
    # Mean square 1e-4, eps 1e-6: 0.01 / sqrt(1.01e-4); nn.RMSNorm in bfloat16 would have taken eps 0.008.
    assert layer.q_norm(x)[0, 0, 0, 0].item() == pytest.approx(0.01 / 1.01e-4**0.5)
    assert layer.bfloat16().q_norm(x.bfloat16())[0, 0, 0, 0].item() == pytest.approx(0.995, abs=0.005)


@pytest.mark.parametrize(
    ("width", "heads", "options", "text"),
    [
        (30, 4, {}, r"embed_dim \(30\) is no multiple of num_heads \(4\)"),
        (32, 4, {"num_kv_heads": 3}, r"num_heads \(4\) is no multiple of num_kv_heads \(3\)"),
    ],
)
def test_numbers_that_do_not_divide_are_an_error(
    width: int, heads: int, options: dict[str, int], text: str
) -> None:
    with pytest.raises(ShapeError, match=text):
        Attention(width, heads, num_kv_heads=options.get("num_kv_heads"))


def test_a_token_costs_no_copy_of_the_past() -> None:
    cache, token = KeyValueCache(), random(1, 2, 1, 4)
    keys, _ = cache.append(random(1, 2, 100, 4), random(1, 2, 100, 4))
    later, _ = cache.append(token, token)
    assert later.data_ptr() == keys.data_ptr()
    assert torch.equal(later[:, :, -1:], token)
    for _ in range(80):  # room for 64 at first
        later, values = cache.append(token, 2 * token)
    assert later.shape == (1, 2, 181, 4)
    assert torch.equal(later[:, :, :100], keys)
    assert torch.equal(values[:, :, 101:], (2 * token).expand(-1, -1, 80, -1))


def test_gradients_flow_through_a_cache() -> None:
    layer, x = Attention(8, 2).double(), random(1, 6, 8).requires_grad_()
    cache = layer.new_cache()
    stepwise = torch.cat([layer(part, cache=cache) for part in x.split((3, 1, 1, 1), dim=1)], dim=1)
    weights = random(1, 6, 8, seed=1)
    (found,) = torch.autograd.grad((stepwise * weights).sum(), x)
    (expected,) = torch.autograd.grad((layer(x, mask=Mask(is_causal=True)) * weights).sum(), x)
    torch.testing.assert_close(found, expected)


def test_a_prompt_with_gradients_is_continued_without() -> None:
    layer, x = Attention(8, 2).double(), random(1, 6, 8)
    cache = layer.new_cache()
    first = layer(x[:, :4], cache=cache)
    with torch.no_grad():
        last = layer(x[:, 4:], cache=cache)
    first.sum().backward()
    torch.testing.assert_close(torch.cat((first, last), dim=1), layer(x, mask=Mask(is_causal=True)))


@pytest.mark.parametrize("sinks", [0, 2])
def test_a_limited_cache_stays_right_beyond_its_buffer(sinks: int) -> None:
    cache = KeyValueCache(limit=5, sinks=sinks)
    for number in range(200):
        token = torch.full((1, 1, 1, 1), float(number))
        keys, values = cache.append(token, -token)
        first = list(range(min(sinks, number)))
        latest = list(range(max(len(first), number - 5), number))  # and the new one
        assert keys.flatten().tolist() == [*first, *latest, number]
        assert torch.equal(values, -keys)
