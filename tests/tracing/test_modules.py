"""Where attention stands: names, calls, sharing, torch's own layers, checkpointing, autocast."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint
from tracing_of import only_site, trace_of

B, S, E, H, D = 2, 16, 32, 4, 8
X = torch.randn(B, S, E, generator=torch.Generator().manual_seed(0))


class Attention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.qkv, self.proj = nn.Linear(E, 3 * E), nn.Linear(E, E)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (t.view(B, S, H, D).transpose(1, 2) for t in self.qkv(x).split(E, -1))
        return self.proj((torch.softmax(q @ k.mT * D**-0.5, -1) @ v).transpose(1, 2).reshape(B, S, E))


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.attn = Attention()

    def forward(self, *, hidden: Tensor) -> Tensor:
        return hidden + self.attn(hidden)


class Stack(nn.Module):
    def __init__(self, *, layers: int = 3, shared: bool = False, recompute: str = "") -> None:
        super().__init__()
        self.h = nn.ModuleList([Block()] * layers if shared else [Block() for _ in range(layers)])
        self.recompute = recompute

    def forward(self, x: Tensor) -> Tensor:
        for block in self.h:
            if self.recompute:
                x = checkpoint(lambda y, b=block: b(hidden=y), x, use_reentrant=self.recompute == "reentrant")
            else:
                x = block(hidden=x)
        return x


def test_layers_have_stable_ids_and_form_one_group() -> None:
    sites = trace_of(Stack(), X).sites
    assert [site.id for site in sites] == ["h.0.attn", "h.1.attn", "h.2.attn"]
    assert {site.group for site in sites} == {"h.{0..2}.attn"}


def test_a_shared_layer_is_one_module_called_three_times() -> None:
    sites = trace_of(Stack(shared=True), X).sites
    assert [site.id for site in sites] == ["h.0.attn", "h.0.attn#1", "h.0.attn#2"]
    assert [(site.module, site.call) for site in sites] == [("h.0.attn", 0), ("h.0.attn", 1), ("h.0.attn", 2)]


def backward_flops(recompute: str, *, shared: bool = False) -> list[int]:
    """FLOPs of bmm ops of the backward pass per site: two products for each of the two forward ones."""
    x = X.clone().requires_grad_()
    trace = trace_of(Stack(shared=shared, recompute=recompute), x, backward=True)
    found = [0] * len(trace.sites)
    for op in trace.ops:
        if op.phase == "backward" and op.name == "aten.bmm.default":
            assert op.forward_op is not None
            site, part = trace.site_of_op[op.forward_op]
            assert part in ("scores", "values")
            left, right = (trace.tensors[t].shape for t in op.inputs)
            found[site] += 2 * left[0] * left[1] * left[2] * right[2]
    return found


@pytest.mark.parametrize("recompute", ["", "reentrant", "non-reentrant"])
def test_backward_flops_go_to_the_site_of_the_forward_op(recompute: str) -> None:
    assert backward_flops(recompute) == [4 * 2 * B * H * S * S * D] * 3


@pytest.mark.parametrize("recompute", ["", "non-reentrant"])
def test_backward_flops_of_a_shared_layer_go_to_the_right_call(recompute: str) -> None:
    assert backward_flops(recompute, shared=True) == [4 * 2 * B * H * S * S * D] * 3


def test_recomputed_ops_are_told_from_the_first_forward() -> None:
    trace = trace_of(Stack(recompute="reentrant"), X.clone().requires_grad_(), backward=True)
    recomputed = [op for op in trace.ops if op.phase == "recompute" and op.name == "aten.bmm.default"]
    assert len(recomputed) == 6  # two products in each of three layers
    assert all(op.forward_op is not None and trace.ops[op.forward_op].name == op.name for op in recomputed)


def test_torch_encoder_is_seen_inside_although_it_has_a_fast_path() -> None:
    layer = nn.TransformerEncoderLayer(E, H, 64, batch_first=True)
    sites = trace_of(nn.TransformerEncoder(layer, 2, enable_nested_tensor=False).eval(), X).sites
    assert [site.id for site in sites] == ["layers.0.self_attn", "layers.1.self_attn"]
    assert sites[0].projection_rows["key"] == ((E, 2 * E, 1),)
    assert torch.backends.mha.get_fastpath_enabled()


def test_cross_attention_is_told_from_self_attention() -> None:
    class Cross(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.attn = nn.MultiheadAttention(E, H, batch_first=True)

        def forward(self, x: Tensor, memory: Tensor) -> Tensor:
            return self.attn(x, memory, memory, need_weights=False)[0]

    site = only_site(Cross(), X, torch.randn(B, 10, E))
    assert (site.role, site.q_len, site.kv_len) == ("cross", S, 10)


def test_learned_queries_pool() -> None:
    class Pool(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.latents = nn.Parameter(torch.randn(3, E))
            self.k, self.v = nn.Linear(E, E), nn.Linear(E, E)

        def forward(self, x: Tensor) -> Tensor:
            q = self.latents.expand(B, -1, -1)
            q, k, v = (t.view(B, -1, H, D).transpose(1, 2) for t in (q, self.k(x), self.v(x)))
            return F.scaled_dot_product_attention(q, k, v)

    site = only_site(Pool(), X)
    assert (site.role, site.q_len, site.num_heads) == ("pooling", 3, H)


def test_functional_code_in_the_model_itself_is_found() -> None:
    class Functional(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.w = nn.ParameterList(nn.Parameter(torch.randn(3 * E, E) * 0.1) for _ in range(2))

        def forward(self, x: Tensor) -> Tensor:
            for w in self.w:
                q, k, v = F.linear(x, w).split(E, -1)
                x = x + torch.softmax(q @ k.mT * E**-0.5, -1) @ v
            return x

    sites = trace_of(Functional(), X).sites
    assert [site.id for site in sites] == ["(model)", "(model):1"]
    assert [site.projections["query"] for site in sites] == ["w.0", "w.1"]


def test_autocast_is_traced_in_its_dtype() -> None:
    class Cast(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.attn = Attention()

        def forward(self, x: Tensor) -> Tensor:
            with torch.autocast("cpu", torch.bfloat16):
                return self.attn(x)

    trace = trace_of(Cast(), X)
    assert trace.sites[0].projections["query"] == "attn.qkv.weight"
    assert trace.tensors[trace.ops[trace.cores[0].score_ops[0]].inputs[0]].dtype == "bfloat16"


def test_tied_weights_are_one_parameter() -> None:
    class Tied(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed, self.attn, self.head = nn.Embedding(50, E), Attention(), nn.Linear(E, 50, bias=False)
            self.head.weight = self.embed.weight

        def forward(self, ids: Tensor) -> Tensor:
            return self.head(self.attn(self.embed(ids)))

    trace = trace_of(Tied(), torch.randint(0, 50, (B, S)), backward=True)
    assert [name for name in trace.parameters if "weight" in name and "attn" not in name] == ["embed.weight"]
    assert trace.length_dims == {"0": (1,)}


def test_torchscript_is_listed_as_a_blind_spot() -> None:
    class Scripted(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = torch.jit.script(nn.Linear(E, E))
            self.attn = Attention()

        def forward(self, x: Tensor) -> Tensor:
            return self.attn(self.inner(x))

    with pytest.warns(DeprecationWarning, match="torch.jit.script"):
        model = Scripted()
    trace = trace_of(model, X, is_fake=False)
    assert [(spot.module, spot.kind) for spot in trace.blind_spots] == [("inner", "torchscript")]


def test_an_opaque_op_is_listed_with_its_line() -> None:
    @torch.library.custom_op("attnprobe_test::secret", mutates_args=())
    def secret(x: Tensor) -> Tensor:
        return x.clone()

    secret.register_fake(torch.empty_like)

    class Opaque(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return secret(x)

    spots = trace_of(Opaque(), X).blind_spots
    assert [spot.kind for spot in spots] == ["opaque_op"]
    assert spots[0].location is not None
    assert spots[0].location.function == "forward"


def test_a_model_without_attention_has_no_sites() -> None:
    assert trace_of(nn.Sequential(nn.Linear(E, E), nn.ReLU()), X).sites == ()
