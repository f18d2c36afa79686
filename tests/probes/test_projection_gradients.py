"""Gradients of the projections: derived by hand, and cut out of autograd's for every way to store weights."""

from __future__ import annotations

from collections.abc import Callable
from math import sqrt

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from attnprobe.probes.gradient_flow.layouts import expanded
from attnprobe.probes.gradient_flow.norms import norms, total_norm
from attnprobe.probes.projection_gradients import probe
from tests.probes.gradient_models import Attention, Stack, next_token_loss, token_ids, uniform_attention
from tests.probes.gradient_runs import heads, reason, run, subject_of, value, watched

HEADS, DIM, WIDTH = 4, 8, 32


def summed(outputs: Tensor, inputs: Tensor) -> Tensor:
    return outputs.sum()


def weighted(outputs: Tensor, inputs: Tensor) -> Tensor:
    factors = torch.linspace(-1, 2, outputs.numel(), dtype=outputs.dtype).view_as(outputs)
    return (outputs * factors).sum()


def test_gradients_of_a_uniform_attention_are_those_derived_by_hand() -> None:
    # two tokens of ones, so z = 1 everywhere. d o_proj[i, j] = Σ_t z_j = 2: each head's 4 x 2 block √32.
    # d v_proj[i, j] = Σ_t (1, 1 | 2, 2)_i · 1: blocks 2 x 4 of 2, and of 4: √32 and √128.
    # ‖v‖ is √2 for each head, ‖o‖ √2 and √8. q and k have weights and gradients of zero.
    model = nn.Sequential(uniform_attention())
    result = run(subject_of(model, torch.ones(1, 2, 4), loss=summed), probe)
    assert heads(result, "o_proj_gradient_norm", "0") == pytest.approx((sqrt(32), sqrt(32)))
    assert heads(result, "v_proj_gradient_norm", "0") == pytest.approx((sqrt(32), sqrt(128)))
    assert value(result, "v_proj_gradient_norm", "0") == pytest.approx(sqrt(160))
    assert heads(result, "o_proj_gradient_to_weight", "0") == pytest.approx((4, 2))
    assert heads(result, "v_proj_gradient_to_weight", "0") == pytest.approx((4, 8))
    assert reason(result, "q_proj_gradient_to_weight", "0") == "its weights are all zero"
    assert value(result, "smallest_projection_gradient_rms", "0") == 0
    assert heads(result, "dead_projection_share", "0") == (0.5, 0.5)


def halves(attention: Attention) -> dict[str, tuple[Tensor, Tensor]]:
    """Role -> (weights, gradients), each [heads, …], of separate projections."""
    found = {}
    for role in "qkvo":
        weight = getattr(attention, f"{role}_proj").weight
        assert weight.grad is not None
        turned = [t.detach().T if role == "o" else t for t in (weight.detach(), weight.grad)]
        found[role] = tuple(t.reshape(HEADS, DIM, -1) for t in turned)
    return found  # type: ignore[return-value]


def test_the_ratio_is_that_of_its_formula_head_by_head() -> None:
    torch.manual_seed(0)
    attention, inputs = Attention(WIDTH, HEADS), torch.randn(2, 7, WIDTH)
    result = run(subject_of(nn.Sequential(attention), inputs, loss=weighted), probe)
    weighted(attention(inputs), inputs).backward()
    relative = {r: g.norm(dim=(1, 2)) / w.norm(dim=(1, 2)) for r, (w, g) in halves(attention).items()}
    expected = ((relative["q"] * relative["k"]) / (relative["v"] * relative["o"])).sqrt()
    assert heads(result, "query_key_gradient_ratio", "0") == pytest.approx(expected.tolist(), rel=1e-4)
    whole = {r: g.norm() / w.norm() for r, (w, g) in halves(attention).items()}
    site = float(((whole["q"] * whole["k"]) / (whole["v"] * whole["o"])).sqrt())
    assert value(result, "query_key_gradient_ratio", "0") == pytest.approx(site, rel=1e-4)
    assert value(result, "query_key_gradient_ratio") == value(result, "query_key_gradient_ratio", "0")


def attend(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """[B, S, H, D] each -> [B, S, H * D]."""
    swapped = (t.transpose(1, 2) for t in (query, key, value))
    return F.scaled_dot_product_attention(*swapped).transpose(1, 2).flatten(2)


class Packed(nn.Module):
    """One Linear for queries, keys and values: [q; k; v]."""

    def __init__(self) -> None:
        super().__init__()
        self.qkv = nn.Linear(WIDTH, 3 * WIDTH, bias=False)
        self.out = nn.Linear(WIDTH, WIDTH, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.out(attend(*self.qkv(x).view(*x.shape[:2], 3, HEADS, DIM).unbind(2)))

    def expected(self) -> dict[str, Tensor]:
        assert self.qkv.weight.grad is not None
        assert self.out.weight.grad is not None
        q, k, v = self.qkv.weight.grad.view(3, HEADS, DIM, WIDTH)
        return {"q": q, "k": k, "v": v, "o": self.out.weight.grad.T.reshape(HEADS, DIM, WIDTH)}


class Interleaved(Packed):
    """The same weights read head by head: [q_0; k_0; v_0; q_1; …]."""

    def forward(self, x: Tensor) -> Tensor:
        return self.out(attend(*self.qkv(x).view(*x.shape[:2], HEADS, 3, DIM).unbind(3)))

    def expected(self) -> dict[str, Tensor]:
        assert self.qkv.weight.grad is not None
        q, k, v = self.qkv.weight.grad.view(HEADS, 3, DIM, WIDTH).unbind(1)
        return {**super().expected(), "q": q, "k": k, "v": v}


class Transposed(nn.Module):
    """x @ W with square weights: nothing in their shapes tells rows from columns."""

    def __init__(self) -> None:
        super().__init__()
        for name in "qkvo":
            setattr(self, name, nn.Parameter(torch.randn(WIDTH, WIDTH) / WIDTH**0.5))

    def forward(self, x: Tensor) -> Tensor:
        parts = ((x @ getattr(self, name)).view(*x.shape[:2], HEADS, DIM) for name in "qkv")
        return attend(*parts) @ self.o

    def expected(self) -> dict[str, Tensor]:
        columns = {n: getattr(self, n).grad.T.reshape(HEADS, DIM, WIDTH) for n in "qkv"}
        assert self.o.grad is not None
        return {**columns, "o": self.o.grad.reshape(HEADS, DIM, WIDTH)}


class Einsum(nn.Module):
    """Weights [H, E, D] and [H, D, E]."""

    def __init__(self) -> None:
        super().__init__()
        for name in "qkv":
            setattr(self, name, nn.Parameter(torch.randn(HEADS, WIDTH, DIM) / WIDTH**0.5))
        self.o = nn.Parameter(torch.randn(HEADS, DIM, WIDTH) / WIDTH**0.5)

    def forward(self, x: Tensor) -> Tensor:
        parts = [torch.einsum("bse,hed->bhsd", x, getattr(self, name)) for name in "qkv"]
        return torch.einsum("bhsd,hde->bse", F.scaled_dot_product_attention(*parts), self.o)

    def expected(self) -> dict[str, Tensor]:
        return {name: getattr(self, name).grad for name in "qkvo"}


class PerHead(nn.Module):
    """Every head has projections of its own; their outputs are concatenated."""

    def __init__(self) -> None:
        super().__init__()
        self.heads = nn.ModuleList(
            nn.ModuleDict({name: nn.Linear(WIDTH, DIM, bias=False) for name in "qkv"}) for _ in range(HEADS)
        )
        self.out = nn.Linear(WIDTH, WIDTH, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        outputs = []
        for head in self.heads:
            assert isinstance(head, nn.ModuleDict)
            query, key, value = (head[name](x) for name in "qkv")
            outputs.append(F.softmax(query @ key.transpose(-2, -1) * DIM**-0.5, -1) @ value)
        return self.out(torch.cat(outputs, -1))

    def expected(self) -> dict[str, Tensor]:
        assert self.out.weight.grad is not None
        own = {n: torch.stack([head[n].weight.grad for head in self.heads]) for n in "qkv"}  # type: ignore
        return {**own, "o": self.out.weight.grad.T.reshape(HEADS, DIM, WIDTH)}


@pytest.mark.parametrize("make", [Packed, Interleaved, Transposed, Einsum, PerHead])
def test_blocks_of_heads_are_those_of_autograd_however_weights_are_stored(
    make: Callable[[], nn.Module],
) -> None:
    torch.manual_seed(0)
    attention, inputs = make(), torch.randn(2, 7, WIDTH)
    subject = subject_of(nn.Sequential(attention), inputs, loss=weighted)
    result = run(subject, probe)
    for parameter in attention.parameters():
        parameter.grad = None
    weighted(attention(inputs), inputs).backward()
    for role, gradient in attention.expected().items():  # type: ignore[operator]
        own = gradient.flatten(1).norm(dim=1).tolist()
        metric = f"{role}_proj_gradient_norm"
        assert heads(result, metric, subject.trace.sites[0].id) == pytest.approx(own, rel=1e-4), role


def test_a_packed_weight_of_a_cross_attention_is_cut_for_each_of_its_parts() -> None:
    class Cross(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.attention = nn.MultiheadAttention(WIDTH, HEADS, batch_first=True)

        def forward(self, x: Tensor, memory: Tensor) -> Tensor:
            return self.attention(x, memory, memory, need_weights=False)[0]

    torch.manual_seed(0)
    model, x, memory = Cross(), torch.randn(2, 7, WIDTH), torch.randn(2, 5, WIDTH)
    subject = subject_of(model, x, memory, loss=weighted)
    result = run(subject, probe)
    weighted(model(x, memory), x).backward()
    gradient = model.attention.in_proj_weight.grad
    assert gradient is not None
    for role, part in zip("qkv", gradient.view(3, HEADS, DIM * WIDTH), strict=True):
        metric = f"{role}_proj_gradient_norm"
        own = part.norm(dim=1).tolist()
        assert heads(result, metric, subject.trace.sites[0].id) == pytest.approx(own, rel=1e-4)


def test_heads_of_a_group_show_their_common_key_block() -> None:
    torch.manual_seed(0)
    attention, inputs = Attention(WIDTH, HEADS, 2), torch.randn(2, 7, WIDTH)
    result = run(subject_of(nn.Sequential(attention), inputs, loss=weighted), probe)
    weighted(attention(inputs), inputs).backward()
    assert attention.k_proj.weight.grad is not None
    one, two = attention.k_proj.weight.grad.view(2, DIM, WIDTH).flatten(1).norm(dim=1).tolist()
    assert heads(result, "k_proj_gradient_norm", "0") == pytest.approx((one, one, two, two), rel=1e-4)


def test_frozen_projections_are_a_gap_not_a_zero() -> None:
    model = nn.Sequential(Attention(WIDTH, HEADS))
    model[0].q_proj.requires_grad_(False)
    result = run(subject_of(model, torch.randn(2, 7, WIDTH), loss=weighted), probe)
    assert reason(result, "q_proj_gradient_norm", "0").startswith("no gradient of the loss reached it")
    assert "all four projections" in reason(result, "query_key_gradient_ratio", "0")
    assert value(result, "v_proj_gradient_norm", "0") > 0


def test_a_head_whose_values_and_outputs_are_zero_is_dead_in_value_query_key_and_output() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(Attention(WIDTH, HEADS))
    with torch.no_grad():
        model[0].v_proj.weight.view(HEADS, DIM, WIDTH)[1].zero_()
        model[0].o_proj.weight.view(WIDTH, HEADS, DIM)[:, 1].zero_()
    result = run(subject_of(model, torch.randn(2, 7, WIDTH), loss=weighted), probe)
    assert heads(result, "dead_projection_share", "0") == (0, 1, 0, 0)
    assert value(result, "dead_projection_share") == 0.25


def test_batches_merge_to_one_pass_over_all_of_them() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(Attention(WIDTH, HEADS))
    one, two = torch.randn(2, 7, WIDTH), torch.randn(2, 7, WIDTH)
    name = "projection_gradients"
    both = watched(subject_of(model, one, loss=weighted, batches=[(two,)]), probe).watched[name].sums
    merged = watched(subject_of(model, one, loss=weighted), probe).watched[name]
    merged.merge(watched(subject_of(model, two, loss=weighted), probe).watched[name])
    for kept in ("query squares", "output squares", "value largest", "key batches", "key elements"):
        assert torch.equal(merged.sums.get(0, kept), both.get(0, kept))


def test_norms_neither_underflow_nor_overflow() -> None:
    tiny, huge = torch.full((2, 9), 1e-30), torch.full((2, 9), 1e30)  # squares leave fp32
    assert norms(tiny).tolist() == pytest.approx([3e-30, 3e-30], rel=1e-5)
    assert norms(huge).tolist() == pytest.approx([3e30, 3e30], rel=1e-5)
    assert norms(torch.full((1, 4), 60000.0, dtype=torch.float16)).item() == pytest.approx(120000, rel=1e-3)
    assert total_norm([torch.full((9,), 1e-30), torch.full((16,), 1e-30)]) == pytest.approx(5e-30, rel=1e-5)
    assert total_norm([torch.tensor([3.0]), torch.tensor([4.0], dtype=torch.bfloat16)]) == 5


def test_a_pattern_stands_for_the_parameters_that_are_known() -> None:
    known = {f"heads.{i}.q.weight": None for i in range(3)}
    assert list(expanded("heads.{0..2}.q.weight", known)) == list(known)
    assert list(expanded("heads.{0,2}.q.weight", known)) == ["heads.0.q.weight", "heads.2.q.weight"]
    assert list(expanded("a, heads.1.q.weight", known)) == ["heads.1.q.weight"]


def ratio_of(model: nn.Module) -> float:
    return value(run(subject_of(model, token_ids(), loss=next_token_loss), probe), "query_key_gradient_ratio")


def test_without_residuals_queries_and_keys_starve_and_the_healthy_twin_does_not() -> None:
    assert ratio_of(Stack(24, residual=False)) < 1e-6
    assert ratio_of(Stack(24)) > 1e-3


def test_tiny_weights_starve_queries_and_keys_less_than_collapse_does() -> None:
    tiny, usual = ratio_of(Stack(24, std=0.002)), ratio_of(Stack(24))
    assert 1e-6 < tiny < usual / 20
