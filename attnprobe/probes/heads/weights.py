"""The two products of weights that a head is: queries with keys, values with the output projection.

A head's scores depend on W_Qᵀ W_K alone and what it writes on W_O W_V alone, so both are blind to a rotation
of its width. All of it follows from Gram matrices of the blocks, [H D, H D]; the products are never made.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from attnprobe.observing.layout import arrangement, groups_of_heads
from attnprobe.probes.gradient_flow.blocks import weights_of
from attnprobe.probes.gradient_flow.layouts import layouts
from attnprobe.records import Trace

# (of each head, of each key-value head)
PRODUCTS = {"query_key": ("query", "key"), "value_output": ("output", "value")}
_STILL = 1e-20  # of the largest product's square: at or below it a product is zero


def blocks_of(trace: Trace, site: int, role: str, parameters: Mapping[str, nn.Parameter]) -> Tensor | str:
    """The weights of a role, cut by head: [heads, D, E]; or why they are not known."""
    own = trace.sites[site]
    cut = layouts(trace, own, role)
    weight = weights_of(parameters, cut) if cut else None
    if weight is None:
        return f"its {role} projection could not be told"
    width = own.value_dim if role in ("value", "output") else own.head_dim
    allowed = {own.num_heads} if role in ("query", "output") else {own.num_heads, own.num_kv_heads}
    if weight.shape[0] not in allowed or weight.shape[1] != width:
        return f"its {role} projection could not be cut into heads of {width} dims"
    return weight.float()


def head_groups(trace: Trace, site: int, count: int) -> list[int]:
    """Which of `count` key-value heads each head uses; as the trace saw it, else neighbours share."""
    core, heads = trace.cores[site], trace.sites[site].num_heads
    operand = core.operands.get("key")
    if operand is not None and not core.parts:
        found = list(groups_of_heads(heads, arrangement(operand, "s", "d")))
        if max(found, default=0) == count - 1:
            return found
    return [head * count // heads for head in range(heads)]


def product_similarity(own: Tensor, shared: Tensor, groups: list[int]) -> Tensor:
    """Cosine of the products A_hᵀ B_h of every two heads, [H, H]; NaN where a product is zero.

    ⟨A_aᵀB_a, A_bᵀB_b⟩ = Σ (A_a A_bᵀ) ∘ (B_a B_bᵀ).

    Args:
        own: A [H, D, E].
        shared: B [G, D, E'].
        groups: Which B each head uses.
    """
    heads, width = own.shape[:2]
    ours = _gram(own).view(heads, width, heads, width)
    theirs = _gram(shared).view(len(shared), width, len(shared), width)
    rows = [(ours[h] * theirs[groups[h]][:, groups]).sum((0, 2)) for h in range(heads)]
    inner = torch.stack(rows).double().cpu()
    squares = inner.diagonal()
    is_something = squares > _STILL * squares.max()
    length = torch.where(is_something, squares.clamp_min(0).sqrt(), torch.nan)
    return inner / length[:, None] / length


def _gram(blocks: Tensor) -> Tensor:
    rows = blocks.flatten(0, 1)
    return rows @ rows.mT


def product_spectra(own: Tensor, shared: Tensor, groups: list[int]) -> Tensor:
    """Singular values of every head's product A_hᵀ B_h, ascending: [H, D] in float64.

    With A Aᵀ = L Lᵀ they are the roots of the eigenvalues of Lᵀ (B Bᵀ) L.
    """
    ours = torch.bmm(own, own.mT).double().cpu()
    theirs = torch.bmm(shared, shared.mT).double().cpu()[groups]
    values, vectors = torch.linalg.eigh(ours)
    root = vectors * values.clamp_min(0).sqrt()[:, None]
    found: Tensor = torch.linalg.eigvalsh(root.mT @ theirs @ root).clamp_min(0).sqrt()
    return found


def effective_rank(spectra: Tensor) -> Tensor:
    """exp(-Σ π log π), π = σ / Σ σ: [H, D] -> [H]; NaN where all are zero."""
    total = spectra.sum(1, keepdim=True)
    share = torch.where(total > 0, spectra / total, torch.nan)
    rank: Tensor = torch.special.xlogy(share, share).sum(1).neg().exp()
    return rank


def energy_at_half(spectra: Tensor) -> Tensor:
    """Share of Σ σ² in the larger half (rounded up) of the singular values: [H, D] -> [H]."""
    squares = spectra.square()
    kept = squares[:, spectra.shape[1] // 2 :].sum(1)
    return kept / squares.sum(1)
