"""Products of weights, against the products made in full."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

import attnprobe
from attnprobe.probes.heads.weights import (
    effective_rank,
    energy_at_half,
    product_similarity,
    product_spectra,
)
from attnprobe.records import Scan
from tests.probes.head_calls import Layer, Plain

ONLY = ("head_weights",)


def scan_of(layer: Layer) -> Scan:
    return attnprobe.scan(layer, torch.randn(2, 5, 24), probes=ONLY, device="cpu", backward=False)


def cosine(a: Tensor, b: Tensor) -> float:
    return float((a * b).sum() / (a.norm() * b.norm()))


@settings(max_examples=25, deadline=None)
@given(st.sampled_from([(1, 1), (2, 1), (4, 2), (3, 3)]), st.integers(1, 5), st.integers(0, 10**6))
def test_products_are_never_made_and_come_out_the_same(
    counts: tuple[int, int], width: int, seed: int
) -> None:
    generator = torch.Generator().manual_seed(seed)
    heads, shared = counts
    own = torch.randn(heads, width, 7, generator=generator)
    other = torch.randn(shared, width, 6, generator=generator)
    groups = [head * shared // heads for head in range(heads)]
    products = [own[h].mT.double() @ other[groups[h]].double() for h in range(heads)]  # [7, 6]
    similar = product_similarity(own, other, groups)
    spectra = product_spectra(own, other, groups)
    for a in range(heads):
        for b in range(heads):
            assert float(similar[a, b]) == pytest.approx(cosine(products[a], products[b]), abs=1e-5)
        values = torch.linalg.svdvals(products[a])[:width].flip(0)
        assert torch.allclose(spectra[a, -len(values) :], values, atol=1e-4)


def test_ranks_and_energies_by_hand() -> None:
    spectra = torch.tensor([[0.0, 0.0, 2.0, 2.0], [1.0, 1.0, 1.0, 1.0], [0.0, 1.0, 2.0, 2.0]])
    assert effective_rank(spectra)[:2].tolist() == pytest.approx([2, 4])
    assert energy_at_half(spectra).tolist() == pytest.approx([1, 0.5, 8 / 9])
    assert math.isnan(float(effective_rank(torch.zeros(1, 3))))


@pytest.mark.parametrize("kind", [Layer, Plain])
@pytest.mark.parametrize("packed", ["no", "rows", "conv"])
@pytest.mark.parametrize("groups", [4, 2])
def test_weights_are_found_wherever_they_lie(kind: type[Layer], packed: str, groups: int) -> None:
    torch.manual_seed(0)
    layer = kind(groups=groups, packed=packed).requires_grad_(False)
    size, (site,) = 6, scan_of(layer).sites
    if packed == "no":
        rows = torch.cat([layer.q_proj.weight, layer.k_proj.weight, layer.v_proj.weight])
    else:
        rows = layer.weight.mT if packed == "conv" else layer.qkv.weight
    q, k, v = rows.split([24, groups * size, groups * size])
    out = layer.o_weight if packed == "conv" else layer.o_proj.weight.mT  # [heads D, E]
    shared = [head * groups // 4 for head in range(4)]
    for product, own, other in (("query_key", q, k), ("value_output", out, v)):
        own, other = own.unflatten(0, (4, size)), other.unflatten(0, (groups, size))
        products = [own[h].mT @ other[shared[h]] for h in range(4)]
        nearest = [max(cosine(products[a], products[b]) for b in range(4) if b != a) for a in range(4)]
        assert site.head_metrics[f"nearest_{product}_product"] == pytest.approx(nearest, abs=1e-5)
        squares = [torch.linalg.svdvals(part).square() for part in products]
        energy = [float(part[:3].sum() / part.sum()) for part in squares]
        assert site.head_metrics[f"{product}_energy_at_half_rank"] == pytest.approx(energy, abs=1e-5)


def test_a_copy_in_a_rotated_basis_has_equal_products() -> None:
    torch.manual_seed(0)
    layer = Layer()
    turn, _ = torch.linalg.qr(torch.randn(6, 6))
    with torch.no_grad():
        for part in (layer.q_proj, layer.k_proj, layer.v_proj):
            part.weight[12:18] = turn @ part.weight[:6]
        layer.o_proj.weight[:, 12:18] = layer.o_proj.weight[:, :6] @ turn.mT
        unlike = cosine(layer.q_proj.weight[:6], layer.q_proj.weight[12:18])
    (site,) = scan_of(layer).sites
    assert abs(unlike) < 0.5
    for product in ("query_key", "value_output"):
        found = site.head_metrics[f"nearest_{product}_product"]
        assert found[0] == pytest.approx(1, abs=1e-5)
        assert found[2] == pytest.approx(1, abs=1e-5)
        assert max(found[1], found[3]) < 0.5


def test_a_head_of_zeros_has_no_product() -> None:
    torch.manual_seed(0)
    layer = Layer()
    with torch.no_grad():
        layer.v_proj.weight[:6] = 0
    (site,) = scan_of(layer).sites
    assert site.head_metrics["nearest_value_output_product"][0] is None
    assert site.head_metrics["value_output_effective_rank"][0] is None
    assert site.head_metrics["nearest_query_key_product"][0] is not None
