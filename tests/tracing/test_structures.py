"""The same attention, written in many ways: each is found, with the same heads, groups, scale and mask."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from tracing_of import only_site, trace_of

B, S, E, H, D = 2, 16, 32, 4, 8
X = torch.randn(B, S, E, generator=torch.Generator().manual_seed(0))


class Projected(nn.Module):
    """q, k, v projections and heads; `core` is what a test writes."""

    def __init__(self, core: Callable[[Tensor, Tensor, Tensor], Tensor], kv_heads: int = H) -> None:
        super().__init__()
        self.q_proj = nn.Linear(E, E)
        self.k_proj = nn.Linear(E, kv_heads * D)
        self.v_proj = nn.Linear(E, kv_heads * D)
        self.o_proj = nn.Linear(E, E)
        self.kv_heads = kv_heads
        self.core = core

    def forward(self, x: Tensor) -> Tensor:
        q = self.q_proj(x).view(B, -1, H, D).transpose(1, 2)
        k = self.k_proj(x).view(B, -1, self.kv_heads, D).transpose(1, 2)
        v = self.v_proj(x).view(B, -1, self.kv_heads, D).transpose(1, 2)
        return self.o_proj(self.core(q, k, v).transpose(1, 2).reshape(B, -1, E))


def matmul(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    return torch.softmax(q @ k.transpose(-2, -1) / math.sqrt(D), -1) @ v


def einsum(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    scores = torch.einsum("bhid,bhjd->bhij", q, k) * D**-0.5
    return torch.einsum("bhij,bhjd->bhid", scores.softmax(-1), v)


def bmm(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    q, k, v = (t.reshape(B * H, -1, D) for t in (q, k, v))
    return torch.bmm(torch.bmm(q * D**-0.5, k.transpose(1, 2)).softmax(-1), v).view(B, H, -1, D)


def baddbmm(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    q, k, v = (t.reshape(B * H, -1, D) for t in (q, k, v))
    scores = torch.baddbmm(torch.zeros(B * H, S, S), q, k.transpose(1, 2), alpha=1)
    return torch.bmm((scores / math.sqrt(D)).softmax(-1), v).view(B, H, -1, D)


def keys_first(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    scores = (k @ q.transpose(-2, -1)).transpose(-2, -1) * D**-0.5
    return scores.softmax(-1) @ v


def loop_over_heads(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    return torch.stack([torch.softmax(q[:, h] @ k[:, h].mT * D**-0.5, -1) @ v[:, h] for h in range(H)], 1)


def into_a_buffer(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    output = torch.zeros(B, H, S, D)
    for h in range(H):
        output[:, h] = torch.softmax(q[:, h] @ k[:, h].mT * D**-0.5, -1) @ v[:, h]
    return output


def by_hand(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    scores = (q.unsqueeze(3) * k.unsqueeze(2)).sum(-1) * D**-0.5
    weights = torch.exp(scores - scores.amax(-1, keepdim=True))
    weights = weights / weights.sum(-1, keepdim=True)
    return (weights.unsqueeze(-1) * v.unsqueeze(2)).sum(3)


def in_place(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    scores = q @ k.mT
    scores.mul_(D**-0.5)
    return scores.softmax(-1) @ v


def fused(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    return F.scaled_dot_product_attention(q, k, v)


def fused_math(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    with nn.attention.sdpa_kernel(nn.attention.SDPBackend.MATH):
        return F.scaled_dot_product_attention(q, k, v)


PRODUCTS = (matmul, einsum, bmm, baddbmm, keys_first, loop_over_heads, into_a_buffer, by_hand, in_place)
WRITINGS = (*PRODUCTS, fused, fused_math)


@pytest.mark.parametrize("core", WRITINGS)
@pytest.mark.parametrize("is_fake", [True, False])
def test_one_attention_however_it_is_written(core: Callable[..., Tensor], is_fake: bool) -> None:
    site = only_site(Projected(core), X, is_fake=is_fake)
    assert (site.mechanism, site.normaliser, site.role) == ("dot_product", "softmax", "self")
    assert (site.batch, site.num_heads, site.num_kv_heads, site.head_dim) == (B, H, H, D)
    assert (site.q_len, site.kv_len) == (S, S)
    assert site.scale == pytest.approx(D**-0.5)
    names = {"query": "q_proj", "key": "k_proj", "value": "v_proj", "output": "o_proj"}
    assert site.projections == {role: f"{name}.weight" for role, name in names.items()}
    assert site.projection_rows["query"] == ((0, E, 1),)
    assert site.location is not None
    assert site.location.file.endswith("test_structures.py")


def repeated(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    return matmul(q, k.repeat_interleave(2, 1), v.repeat_interleave(2, 1))


def expanded(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    k, v = (t[:, :, None].expand(B, 2, 2, S, D).reshape(B, H, S, D) for t in (k, v))
    return matmul(q, k, v)


def grouped_broadcast(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    grouped = q.view(B, 2, 2, S, D)
    weights = torch.softmax(grouped @ k.unsqueeze(2).mT * D**-0.5, -1)
    return (weights @ v.unsqueeze(2)).reshape(B, H, S, D)


def folded(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    rows = q.reshape(B, 2, 2 * S, D)
    return (torch.softmax(rows @ k.mT * D**-0.5, -1) @ v).reshape(B, H, S, D)


def enable_gqa(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    return F.scaled_dot_product_attention(q, k, v, enable_gqa=True)


def repeated_before_sdpa(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    return F.scaled_dot_product_attention(q, k.repeat_interleave(2, 1), v.repeat_interleave(2, 1))


GROUPED = (repeated, expanded, grouped_broadcast, folded, enable_gqa, repeated_before_sdpa)


@pytest.mark.parametrize("core", GROUPED)
def test_grouped_keys_are_counted_once_however_they_are_shared(core: Callable[..., Tensor]) -> None:
    site = only_site(Projected(core, kv_heads=2), X)
    assert (site.num_heads, site.num_kv_heads, site.q_len, site.kv_len) == (H, 2, S, S)


def test_repeated_keys_are_copies_of_the_site() -> None:
    trace = trace_of(Projected(repeated, kv_heads=2), X)
    copies = [trace.ops[i].name for i, (_, part) in trace.site_of_op.items() if part == "copies"]
    assert any(name.startswith("aten.clone") for name in copies)


def test_one_kv_head_is_multi_query() -> None:
    assert only_site(Projected(lambda q, k, v: matmul(q, k, v), kv_heads=1), X).num_kv_heads == 1


class Packed(nn.Module):
    """One weight for all three, laid out as a test says."""

    def __init__(self, layout: str) -> None:
        super().__init__()
        self.qkv = nn.Linear(E, 3 * E)
        self.layout = layout

    def forward(self, x: Tensor) -> Tensor:
        packed = self.qkv(x)
        if self.layout == "split":
            q, k, v = (t.view(B, S, H, D).transpose(1, 2) for t in packed.split(E, -1))
        elif self.layout == "three first":
            q, k, v = packed.view(B, S, 3, H, D).permute(2, 0, 3, 1, 4)
        else:  # interleaved per head
            q, k, v = packed.view(B, S, H, 3 * D).transpose(1, 2).chunk(3, -1)
        return matmul(q, k, v)


@pytest.mark.parametrize("layout", ["split", "three first"])
def test_rows_of_a_packed_weight_are_told_apart(layout: str) -> None:
    rows = only_site(Packed(layout), X).projection_rows
    assert rows == {"query": ((0, 32, 1),), "key": ((32, 64, 1),), "value": ((64, 96, 1),)}


def test_rows_interleaved_per_head_are_four_stretches() -> None:
    rows = only_site(Packed("interleaved"), X).projection_rows
    assert rows["query"] == ((0, 8, 1), (24, 32, 1), (48, 56, 1), (72, 80, 1))
    assert rows["value"] == ((16, 24, 1), (40, 48, 1), (64, 72, 1), (88, 96, 1))


def test_rotary_positions_keep_the_projections() -> None:
    def rotary(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        angle = torch.outer(torch.arange(S).float(), torch.ones(D // 2)).repeat(1, 2)

        def rotate(t: Tensor) -> Tensor:
            one, other = t.chunk(2, -1)
            return t * angle.cos() + torch.cat([-other, one], -1) * angle.sin()

        return matmul(rotate(q), rotate(k), v)

    trace = trace_of(Projected(rotary), X)
    assert trace.sites[0].projections["query"] == "q_proj.weight"
    assert trace.sites[0].num_heads == H
    assert "positions" in {part for _, part in trace.site_of_op.values()}


Masked = Callable[[Callable[[], Tensor]], Callable[[Tensor, Tensor, Tensor], Tensor]]


def masked(make: Callable[[], Tensor]) -> Callable[[Tensor, Tensor, Tensor], Tensor]:
    def core(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        scores = q @ k.mT * D**-0.5
        return scores.masked_fill(~make(), float("-inf")).softmax(-1) @ v

    return core


def additive(make: Callable[[], Tensor]) -> Callable[[Tensor, Tensor, Tensor], Tensor]:
    def core(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        bias = torch.zeros(S, S).masked_fill(~make(), torch.finfo(torch.float32).min)
        return (q @ k.mT * D**-0.5 + bias).softmax(-1) @ v

    return core


def old_style(make: Callable[[], Tensor]) -> Callable[[Tensor, Tensor, Tensor], Tensor]:
    def core(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        mask = make().float()
        return (q @ k.mT * D**-0.5 * mask - 1e10 * (1 - mask)).softmax(-1) @ v

    return core


def where(make: Callable[[], Tensor]) -> Callable[[Tensor, Tensor, Tensor], Tensor]:
    return lambda q, k, v: torch.where(make(), q @ k.mT * D**-0.5, torch.tensor(-1e9)).softmax(-1) @ v


def sdpa_mask(make: Callable[[], Tensor]) -> Callable[[Tensor, Tensor, Tensor], Tensor]:
    return lambda q, k, v: F.scaled_dot_product_attention(q, k, v, attn_mask=make())


def lower() -> Tensor:
    return torch.ones(S, S, dtype=torch.bool).tril()


def band() -> Tensor:
    return lower() & torch.ones(S, S, dtype=torch.bool).triu(-3)


@pytest.mark.parametrize("write", [masked, additive, old_style, where, sdpa_mask])
def test_causality_is_read_from_the_mask_however_it_is_applied(write: Masked) -> None:
    site = only_site(Projected(write(lower)), X)
    assert site.is_causal is True
    assert site.window_left is None
    assert site.visible_share == pytest.approx(17 / 32)  # (S + 1) / 2S


@pytest.mark.parametrize("write", [masked, additive, sdpa_mask])
def test_a_window_is_read_from_the_mask(write: Masked) -> None:
    site = only_site(Projected(write(band)), X)
    assert (site.is_causal, site.window_left, site.window_right) == (True, 3, 0)
    assert site.visible_share == pytest.approx((1 + 2 + 3 + 13 * 4) / 256)


def test_a_mask_inside_a_learned_bias_is_still_a_mask() -> None:
    class Biased(Projected):
        def __init__(self) -> None:
            super().__init__(self.biased)
            self.bias = nn.Parameter(torch.zeros(1, H, S, S))

        def biased(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
            mask = torch.zeros(S, S).masked_fill(~lower(), torch.finfo(torch.float32).min)
            return (q @ k.mT + (self.bias + mask)).softmax(-1) @ v

    site = only_site(Biased(), X)
    assert site.is_causal is True
    assert site.scale == 1.0


def test_the_causal_flag_of_sdpa_counts_its_pairs() -> None:
    site = only_site(Projected(lambda q, k, v: F.scaled_dot_product_attention(q, k, v, is_causal=True)), X)
    assert site.is_causal is True
    assert site.visible_share == pytest.approx(17 / 32)


def test_a_learned_temperature_has_no_constant_scale() -> None:
    class Cosine(Projected):
        def __init__(self) -> None:
            super().__init__(self.cosine)
            self.temperature = nn.Parameter(torch.ones(H, 1, 1))

        def cosine(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
            scores = F.normalize(q, dim=-1) @ F.normalize(k, dim=-1).mT * self.temperature
            return scores.softmax(-1) @ v

    assert only_site(Cosine(), X).scale is None


def sigmoid(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    return torch.sigmoid(q @ k.mT * D**-0.5 - math.log(S)) @ v


def squared_relu(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    return F.relu(q @ k.mT * D**-0.5).square() @ v


def unnormalised(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    return (q @ k.mT * D**-0.5 * lower()) @ v


NORMALISERS = [(sigmoid, "sigmoid"), (squared_relu, "relu2"), (unnormalised, "none")]


@pytest.mark.parametrize(("core", "normaliser"), NORMALISERS)
def test_other_normalisers_are_attention_too(core: Callable[..., Tensor], normaliser: str) -> None:
    site = only_site(Projected(core), X)
    assert (site.mechanism, site.normaliser, site.num_heads) == ("dot_product", normaliser, H)


def test_softmax_over_channels_is_channel_attention() -> None:
    def covariance(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        return (torch.softmax(q.mT @ k, -1) @ v.mT).mT

    site = only_site(Projected(covariance), X)
    assert (site.mechanism, site.role) == ("channel", "channel")
    assert (site.num_heads, site.q_len, site.kv_len) == (H, D, D)


def linear(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    q, k = F.elu(q) + 1, F.elu(k) + 1
    return (q @ (k.mT @ v)) / (q @ k.sum(2).unsqueeze(-1))


def linear_causal(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    state = torch.einsum("bhsd,bhse->bhsde", k, v).cumsum(2)
    return torch.einsum("bhsd,bhsde->bhse", q, state)


@pytest.mark.parametrize(("core", "is_causal"), [(linear, False), (linear_causal, True)])
def test_linear_attention_sums_keys_and_values_first(core: Callable[..., Tensor], is_causal: bool) -> None:
    site = only_site(Projected(core), X)
    assert (site.mechanism, site.is_causal) == ("linear", is_causal)
    assert (site.num_heads, site.head_dim, site.kv_len) == (H, D, S)


class Feed(nn.Module):
    def __init__(self, gate: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.up, self.gate_proj, self.down = nn.Linear(E, 64), nn.Linear(E, 64), nn.Linear(64, E)
        self.gate = gate

    def forward(self, x: Tensor) -> Tensor:
        return self.down(self.gate(self.gate_proj(x)) * self.up(x))


def test_a_gated_feed_forward_is_no_attention() -> None:
    assert trace_of(Feed(torch.sigmoid), X).sites == ()


def test_a_normalisation_is_no_attention() -> None:
    class RootMeanSquare(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.ones(E))

        def forward(self, x: Tensor) -> Tensor:
            return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6) * self.weight

    assert trace_of(nn.Sequential(RootMeanSquare(), nn.LayerNorm(E)), X).sites == ()


def test_a_classifier_and_a_gram_matrix_are_no_attention() -> None:
    class Gram(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.proj, self.head = nn.Linear(E, E), nn.Linear(E, 10)

        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
            y = self.proj(x)
            return self.head(y).softmax(-1), y @ y.mT

    assert trace_of(Gram(), X).sites == ()


def test_a_router_over_experts_is_no_attention() -> None:
    class Experts(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.router = nn.Linear(E, 4)
            self.experts = nn.ModuleList(nn.Linear(E, E) for _ in range(4))

        def forward(self, x: Tensor) -> Tensor:
            weights = self.router(x).softmax(-1)
            outputs = torch.stack([expert(x) for expert in self.experts], -2)
            return (weights.unsqueeze(-1) * outputs).sum(-2)

    assert trace_of(Experts(), X).sites == ()


def test_a_scalar_times_a_matrix_is_no_gate() -> None:
    class Scaled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.proj = nn.Linear(E, E)

        def forward(self, x: Tensor) -> Tensor:
            y = self.proj(x)
            return y * torch.sigmoid(y.mean()) * y.amax()

    assert trace_of(Scaled(), X).sites == ()
