"""What merging key-value heads would lose: products of keys and of values, and what follows from them."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt

import networkx as nx
import torch
from torch import Tensor

from attnprobe.observing.calls import AttentionCall
from attnprobe.observing.sums import Sums
from attnprobe.observing.watcher import Watcher
from attnprobe.probes.heads.tokens import centred, gram, token_rows

MOST_DIMS = 1024  # of the neighbouring heads that are compared with each other
MOST_TOKENS = 1024  # of one batch
ROLES = ("key", "value")
_STILL = 1e-12  # of the largest square of a singular value: below it is rounding
Groups = Sequence[tuple[int, ...]]


class SharingWatcher(Watcher):
    """Per site: Σ x xᵀ over tokens of neighbouring heads' keys, and values; Σ k vᵀ of some sites."""

    def __init__(self, joint: frozenset[int]) -> None:
        """Args: joint are the sites whose keys and values are looked at side by side."""
        super().__init__()
        self._joint = joint

    def attention(self, call: AttentionCall) -> None:
        """See `Watcher.attention`."""
        if call.key is None or call.value is None or call.key.shape[:3] != call.value.shape[:3]:
            return
        key, value = (token_rows(t, call.key_tokens, MOST_TOKENS) for t in (call.key, call.value))
        if not key.shape[0]:
            return
        self.sums.add(call.index, "tokens", key.shape[0])
        if call.group_of_head:
            self.sums.maximum(call.index, "groups", list(call.group_of_head))
        for role, rows in zip(ROLES, (key, value), strict=True):
            self.sums.maximum(call.index, f"{role} shape", list(rows.shape[1:]))
            self.sums.add(call.index, f"{role} total", rows.sum(0, dtype=torch.float64).flatten())
            for number, cut in enumerate(stretches(*rows.shape[1:])):
                products, _ = gram(rows[:, cut].flatten(1))
                self.sums.add(call.index, f"{role} products {number}", products)
        if call.index in self._joint and max(key[0].numel(), value[0].numel()) <= MOST_DIMS:
            self.sums.add(call.index, "crossed", crossed(key.flatten(1), value.flatten(1)))


def crossed(key: Tensor, value: Tensor) -> Tensor:
    """Σ k vᵀ of [tokens, P] and [tokens, R] in float64, as `gram`."""
    (about_key, mean_key), (about_value, mean_value) = centred(key), centred(value)
    return (about_key.mT @ about_value).double().addr_(mean_key, mean_value, alpha=len(key))


def stretches(heads: int, width: int) -> list[slice]:
    """Neighbouring heads that together have at most 1,024 dims."""
    step = max(min(MOST_DIMS // max(width, 1), heads), 1)
    return [slice(start, min(start + step, heads)) for start in range(0, heads, step)]


def covariances(sums: Sums, site: int, role: str) -> list[Tensor]:
    """Σ (x - x̄)(x - x̄)ᵀ over tokens, [P, P] for each stretch of heads; [] where none were seen."""
    shape, total = sums.get(site, f"{role} shape"), sums.get(site, f"{role} total")
    tokens = sums.get(site, "tokens")
    if shape is None or total is None or tokens is None:
        return []
    heads, width = (int(size) for size in shape)
    found = []
    for number, cut in enumerate(stretches(heads, width)):
        products, own = (
            sums.get(site, f"{role} products {number}"),
            total[cut.start * width : cut.stop * width],
        )
        assert products is not None
        found.append(products - torch.outer(own, own) / tokens)
    return found


def product_blocks(sums: Sums, site: int, role: str) -> list[Tensor]:
    """X_aᵀ X_b of every two heads of each stretch: [heads, heads, D, D] each; [] where none were seen."""
    shape = sums.get(site, f"{role} shape")
    width = 1 if shape is None else int(shape[1])
    cut = [own.view(len(own) // width, width, -1, width) for own in covariances(sums, site, role)]
    return [own.permute(0, 2, 1, 3).contiguous() for own in cut]


def neighbours(heads: int, size: int) -> Groups:
    """Groups of neighbouring heads."""
    return [tuple(range(start, start + size)) for start in range(0, heads, size)]


def best_pairs(aligned: Tensor, groups: Groups) -> Groups:
    """Groups joined two by two so that what merging loses is smallest (a matching of greatest weight).

    Args:
        aligned: [heads, heads] of `aligned_products`.
        groups: An even number of them.
    """
    graph = nx.Graph()
    for b in range(len(groups)):
        for a in range(b):
            weight = float(aligned[list(groups[a])][:, list(groups[b])].sum())
            graph.add_edge(a, b, weight=weight)
    pairs = nx.max_weight_matching(graph, maxcardinality=True)
    return sorted(tuple(sorted((*groups[a], *groups[b]))) for a, b in pairs)


def aligned_products(blocks: Tensor) -> Tensor:
    """max over rotations R of ⟨X_a, X_b R⟩ = Σ σ(X_aᵀ X_b): [heads, heads, D, D] -> [heads, heads]."""
    heads = blocks.shape[0]
    found = blocks.diagonal(dim1=2, dim2=3).sum(2)  # right on the diagonal of the heads
    first, second = torch.triu_indices(heads, heads, 1)
    if len(first):
        crossed = blocks[first, second]
        sums = torch.linalg.eigvalsh(crossed @ crossed.mT).clamp_min(0).sqrt().sum(1)
        found[first, second] = found[second, first] = sums
    return found


def merge_errors(blocks: Tensor, groups: Groups, aligned: Tensor | None = None) -> tuple[list[float], float]:
    """‖X - mean of its group‖ / ‖X‖.

    Args:
        blocks: [heads, heads, D, D] of products.
        groups: Which heads become one.
        aligned: Of `aligned_products`: each head may be rotated first, to lie as near as it can to the others
            of its group. None: nothing is rotated.

    Returns:
        Of every head (its group's), and of all heads together; NaN where all are zero (or less, by rounding).
    """
    per_head = [0.0] * len(blocks)
    lost = whole = 0.0
    for group in groups:
        own = blocks[list(group)][:, list(group)]
        size = float(own.diagonal(dim1=0, dim2=1).diagonal(dim1=0, dim2=1).sum())
        if aligned is None:
            together = float(own.diagonal(dim1=2, dim2=3).sum())
        elif len(group) <= 2:
            together = float(aligned[list(group)][:, list(group)].sum())
        else:
            together = _rotated_sum(own)
        rest = max(size - together / len(group), 0.0)
        lost, whole = lost + rest, whole + size
        for head in group:
            per_head[head] = sqrt(rest / size) if size > 0 else float("nan")
    return per_head, sqrt(lost / whole) if whole > 0 else float("nan")


def _rotated_sum(own: Tensor) -> float:
    """‖Σ X_i R_i‖² of the heads of one group [m, m, D, D], by generalised Procrustes.

    Each head is turned to the first, then to the mean of all, which only brings them nearer.
    """
    size = float(own.abs().amax())
    if not size:
        return 0.0
    single = (own / size).float()  # rotations need no more digits than the activations have
    rotations = _polar(_toward(single, _polar(single[:, 0])))
    return size * float((rotations * _toward(single, rotations)).sum(dtype=torch.float64))


def _toward(own: Tensor, rotations: Tensor) -> Tensor:
    """X_iᵀ Σ_j X_j R_j: [m, D, D]."""
    heads, _, width, _ = own.shape
    return own.permute(0, 2, 1, 3).reshape(heads, width, -1) @ rotations.reshape(-1, width)


def _polar(matrices: Tensor) -> Tensor:
    """The rotations nearest to some matrices, [m, D, D]: C (CᵀC)^-½, zero where C is."""
    values, vectors = torch.linalg.eigh(matrices.mT @ matrices)
    is_something = values > _STILL * values[:, -1:]
    scale = torch.where(is_something, values.clamp_min(1e-30).rsqrt(), 0.0)
    found: Tensor = matrices @ (vectors * scale[:, None]) @ vectors.mT
    return found
