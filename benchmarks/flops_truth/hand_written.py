"""Seven ways to write the same multi-head attention by hand: four projections of D x D and a dense core."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks.flops_truth.truth import B, D, H, Inputs, S, Variant, attention_core, linear, seeded, vectors

HEAD_DIM = D // H
SCALE = HEAD_DIM**-0.5

PROJECTIONS = 4 * linear(B * S, D, D)
CORE = attention_core(B, S, S, D)
# Per head: key^T value, [D/H, S] x [S, D/H]; query (key^T value), [S, D/H] x [D/H, D/H]; and query · Σ key.
LINEAR_CORE = 2 * (2 * B * H * S * HEAD_DIM * HEAD_DIM)
LINEAR_NORMALISER = 2 * B * H * S * HEAD_DIM


class Attention(nn.Module):
    """Projections and heads; subclasses write the core, [B, H, S, D/H] three times -> [B, H, S, D/H]."""

    def __init__(self) -> None:
        super().__init__()
        self.q_proj, self.k_proj, self.v_proj, self.o_proj = (nn.Linear(D, D) for _ in range(4))

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = (
            proj(x).unflatten(-1, (H, HEAD_DIM)).transpose(1, 2)
            for proj in (self.q_proj, self.k_proj, self.v_proj)
        )
        return self.o_proj(self.core(query, key, value).transpose(1, 2).flatten(2))

    def core(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        raise NotImplementedError


class Matmul(Attention):
    def core(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        return F.softmax(query @ key.transpose(-2, -1) * SCALE, dim=-1) @ value


class Einsum(Attention):
    def core(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        weights = torch.einsum("bhld,bhsd->bhls", query, key).mul(SCALE).softmax(dim=-1)
        return torch.einsum("bhls,bhsd->bhld", weights, value)


class LoopOverHeads(Attention):
    def core(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        heads = []
        for head in range(H):
            weights = F.softmax(query[:, head] @ key[:, head].transpose(-2, -1) * SCALE, dim=-1)
            heads.append(weights @ value[:, head])
        return torch.stack(heads, dim=1)


class Baddbmm(Attention):
    def core(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        query, key, value = (x.reshape(B * H, S, HEAD_DIM) for x in (query, key, value))
        bias = torch.zeros(1, S, S)
        weights = torch.baddbmm(bias, query, key.transpose(1, 2), alpha=SCALE).softmax(dim=-1)
        return torch.bmm(weights, value).view(B, H, S, HEAD_DIM)


class Sdpa(Attention):
    def core(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        return F.scaled_dot_product_attention(query, key, value)


class Linearised(Attention):
    def core(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        query, key = F.elu(query) + 1, F.elu(key) + 1
        context = torch.einsum("bhsd,bhse->bhde", key, value)
        total = torch.einsum("bhld,bhd->bhl", query, key.sum(dim=2))
        return torch.einsum("bhld,bhde->bhle", query, context) / total.unsqueeze(-1)


class Functional(nn.Module):
    """No sub-modules at all: weights are parameters, projections are `F.linear`."""

    def __init__(self) -> None:
        super().__init__()
        self.qkv_weight = nn.Parameter(torch.randn(3 * D, D) * D**-0.5)
        self.o_weight = nn.Parameter(torch.randn(D, D) * D**-0.5)

    def forward(self, x: Tensor) -> Tensor:
        packed = F.linear(x, self.qkv_weight).view(B, S, 3, H, HEAD_DIM)
        query, key, value = packed.permute(2, 0, 3, 1, 4)
        output = F.softmax(torch.matmul(query, key.mT) * SCALE, dim=-1).matmul(value)
        return F.linear(output.transpose(1, 2).flatten(2), self.o_weight)


def _inputs() -> Inputs:
    return (vectors(B, S, D),), {}


def _variant(name: str, build: type[nn.Module], core: int = CORE, printed: str = "50.3") -> Variant:
    return Variant(
        name=name,
        build=seeded(build),
        inputs=_inputs,
        flops=PROJECTIONS + core,
        core=core,
        printed_mflop=printed,
    )


VARIANTS = (
    _variant("hand: softmax(q@k.T)@v", Matmul),
    _variant("hand: einsum", Einsum),
    _variant("hand: python loop over heads", LoopOverHeads),
    _variant("hand: baddbmm", Baddbmm),
    _variant("hand: F.linear (functional)", Functional),
    _variant("hand: F.sdpa", Sdpa),
    _variant("hand: linear attention (einsum)", Linearised, LINEAR_CORE + LINEAR_NORMALISER, "37.8"),
)
