"""Similarity of heads, against its definition over whole maps and all tokens."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

import attnprobe
from attnprobe.probes.head_similarity import probe
from attnprobe.probes.heads.clustering import clusters
from attnprobe.probes.heads.similarity import SimilarityWatcher, map_correlation, output_similarity
from attnprobe.records import ProbeResult
from tests.probes.head_calls import Layer, Plain, block_of, call_of, subject_of


def numbers(result: ProbeResult) -> dict[str, float]:
    return {m.metric: float(m.value) for m in result.measurements if m.value is not None}


def show(watcher: SimilarityWatcher, z: Tensor, maps: Tensor, **changes: Tensor) -> SimilarityWatcher:
    call = call_of(heads=z.shape[1], output=z, query_tokens=changes.get("valid"))
    watcher.attention(call)
    watcher.rows(call, block_of(maps, **changes))
    return watcher


def linear_cka(a: Tensor, b: Tensor) -> float:
    """a, b [tokens, D]."""
    a, b = (part.double() - part.double().mean(0) for part in (a, b))
    inner = [float((x.mT @ y).norm() ** 2) for x, y in ((a, b), (a, a), (b, b))]
    return inner[0] / (inner[1] * inner[2]) ** 0.5


@settings(max_examples=25, deadline=None)
@given(
    st.integers(1, 3), st.integers(2, 4), st.sampled_from([1, 2, 9, 31]), st.booleans(), st.integers(0, 10**6)
)
def test_numbers_are_those_of_the_definitions(
    samples: int, heads: int, length: int, is_causal: bool, seed: int
) -> None:
    generator = torch.Generator().manual_seed(seed)
    watcher, outputs, offs = SimilarityWatcher(), [], []
    for _ in range(2):
        z = torch.randn(samples, heads, length, 2, generator=generator) + 3
        visible = torch.ones(1, 1, length, length, dtype=torch.bool)
        visible = visible.tril() if is_causal else visible
        scores = torch.randn(samples, heads, length, length, generator=generator)
        maps = scores.masked_fill(~visible, -torch.inf).softmax(-1)
        valid = torch.arange(length) < torch.randint(1, length + 1, (samples, 1), generator=generator)
        show(watcher, z, maps, visible=visible, valid=valid)
        for n, i in valid.nonzero().tolist():
            outputs.append(z[n, :, i])
            even = visible[0, 0, i].double() / visible[0, 0, i].sum()
            offs.append(maps[n, :, i].double() - even)
    z, off = torch.stack(outputs, 1), torch.cat(offs, 1)  # [H, tokens, 2], [H, …]
    found = output_similarity(watcher.sums, 0)
    if z.shape[1] < 4:
        assert isinstance(found, str)
    else:
        assert not isinstance(found, str)
        for a in range(heads):
            for b in range(heads):
                assert float(found[a, b]) == pytest.approx(linear_cka(z[a], z[b]), abs=1e-5)
    maps_found = map_correlation(watcher.sums, 0)
    assert not isinstance(maps_found, str)
    expected = off @ off.mT / off.norm(dim=1)[:, None] / off.norm(dim=1)
    if float(off.abs().max()) > 1e-6:  # a single visible key leaves nothing off the uniform map
        assert torch.allclose(maps_found, expected, atol=1e-5)
    else:
        assert bool(maps_found.isnan().all())


def test_two_batches_merge_into_one_pass() -> None:
    parts = [(torch.randn(2, 3, 9, 2), torch.randn(2, 3, 9, 9).softmax(-1)) for _ in range(2)]
    halves = [show(SimilarityWatcher(), *part) for part in parts]
    whole = show(show(SimilarityWatcher(), *parts[0]), *parts[1])
    halves[0].merge(halves[1])
    for found in (output_similarity, map_correlation):
        one, other = found(halves[0].sums, 0), found(whole.sums, 0)
        assert not isinstance(one, str)
        assert not isinstance(other, str)
        assert torch.allclose(one, other)


def test_a_copy_is_its_twin_and_joins_its_cluster() -> None:
    z, maps = torch.randn(1, 4, 40, 2), (torch.randn(1, 4, 40, 40) * 3).softmax(-1)
    z[:, 3], maps[:, 3] = z[:, 1] @ torch.tensor([[0.0, 1.0], [-1.0, 0.0]]), maps[:, 1]  # a rotated copy
    result = probe.run(subject_of(heads=4, head_similarity=show(SimilarityWatcher(), z, maps)))
    twins = next(m.per_head for m in result.measurements if m.metric == "nearest_twin")
    assert twins[1] == pytest.approx(1, abs=1e-6)
    assert twins[3] == pytest.approx(1, abs=1e-6)
    assert max(twins[0], twins[2]) < 0.3
    assert numbers(result)["head_clusters"] == 3


def test_a_shared_map_with_other_values_is_no_twin() -> None:
    z, maps = torch.randn(1, 2, 60, 2), (torch.randn(1, 1, 60, 60) * 3).softmax(-1).expand(1, 2, 60, 60)
    found = numbers(probe.run(subject_of(heads=2, head_similarity=show(SimilarityWatcher(), z, maps))))
    assert found["nearest_map"] == pytest.approx(1)
    assert found["nearest_twin"] < 0.3
    assert (found["map_clusters"], found["head_clusters"]) == (1, 2)


def test_uniform_maps_have_no_correlation() -> None:
    z = torch.randn(1, 2, 20, 2)
    uniform = torch.full((1, 2, 20, 20), 0.0).softmax(-1)
    result = probe.run(subject_of(heads=2, head_similarity=show(SimilarityWatcher(), z, uniform)))
    reasons = {gap.metric: gap.reason for gap in result.not_measured}
    assert reasons["head_map_correlation"] == "its maps are uniform"
    assert "nearest_twin" in reasons
    assert numbers(result)["head_clusters"] == 2


def test_untrained_heads_are_alike_in_what_they_give_and_not_redundant() -> None:
    torch.manual_seed(0)
    layer = Plain(64, 8, 8)
    for part in (layer.q_proj, layer.k_proj, layer.v_proj):
        nn.init.normal_(part.weight, std=0.02)
    tokens = torch.randn(2, 64, 64) * 0.3 + torch.randn(2, 1, 64)  # of two topics
    (site,) = attnprobe.scan(layer, tokens, probes=["head_similarity"], device="cpu").sites
    assert site.metrics["head_output_similarity"] > 0.9
    assert site.metrics["head_clusters"] == 8
    assert max(site.head_metrics["nearest_twin"]) < 0.5


@pytest.mark.parametrize("kind", [Layer, Plain])
def test_planted_twins_are_found_in_a_real_run(kind: type[Layer]) -> None:
    torch.manual_seed(0)
    layer = kind()
    with torch.no_grad():
        for part in (layer.q_proj, layer.k_proj, layer.v_proj):
            part.weight[18:24], part.bias[18:24] = part.weight[6:12].clone(), part.bias[6:12].clone()
    scan = attnprobe.scan(layer, torch.randn(2, 30, 24), probes=["head_similarity"], device="cpu")
    (site,) = scan.sites
    twins = site.head_metrics["nearest_twin"]
    assert twins[1] == pytest.approx(1, abs=1e-5)
    assert twins[3] == pytest.approx(1, abs=1e-5)
    assert max(twins[0], twins[2]) < 0.9
    assert site.metrics["head_clusters"] == 3
    assert {matrix.metric for matrix in scan.matrices} == {"head_output_similarity", "head_map_correlation"}


def test_wide_heads_are_projected_and_keep_their_order() -> None:
    z = torch.randn(1, 3, 900, 1024)
    z[:, 2] = z[:, 0] * 2 + 0.3 * torch.randn(1, 900, 1024)
    watcher = SimilarityWatcher()
    watcher.attention(call_of(heads=3, width=1024, output=z))
    found = output_similarity(watcher.sums, 0)
    assert not isinstance(found, str)
    assert float(found[0, 2]) > 0.9
    assert float(found[0, 1]) < 0.1


def test_average_linkage_by_hand() -> None:
    # 0 and 1 join at .9; 2 is .8 from 0 and .4 from 1: .6 from both together
    pairs = [[1, 0.9, 0.8], [0.9, 1, 0.4], [0.8, 0.4, 1]]
    assert clusters(pairs, 0.95) == ((0,), (1,), (2,))
    assert clusters(pairs, 0.7) == ((0, 1), (2,))
    assert clusters(pairs, 0.59) == ((0, 1, 2),)
    assert clusters([[None, None], [None, None]], 0.5) == ((0,), (1,))
