"""What heads give back, against its definition token by token."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

import attnprobe
from attnprobe.probes.heads.outputs import OutputWatcher, effective_ranks, squared_norms
from tests.probes.head_calls import Layer, Loop, Plain, call_of

ONLY = ("head_outputs",)


def show(watcher: OutputWatcher, z: Tensor, real: Tensor | None = None) -> OutputWatcher:
    watcher.attention(call_of(heads=z.shape[1], output=z, query_tokens=real))
    return watcher


def rank_of(tokens: Tensor) -> float:
    """[tokens, D], by singular values."""
    values = torch.linalg.svdvals(tokens.double() - tokens.double().mean(0)) ** 2
    share = values / values.sum()
    return math.exp(-float(torch.special.xlogy(share, share).sum()))


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 3), st.integers(1, 3), st.sampled_from([1, 2, 9, 33]), st.integers(0, 10**6))
def test_numbers_are_those_of_the_definitions(samples: int, heads: int, length: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    watcher, kept = OutputWatcher(), []
    for _ in range(2):
        z = torch.randn(samples, heads, length, 4, generator=generator) + 5
        real = torch.arange(length) < torch.randint(1, length + 1, (samples, 1), generator=generator)
        show(watcher, z, real)
        kept += [z[n, :, i] for n, i in real.nonzero().tolist()]
    tokens = torch.stack(kept, 1)
    ranks, sizes = effective_ranks(watcher.sums, 0), squared_norms(watcher.sums, 0)
    assert ranks is not None
    assert sizes is not None
    for head in range(heads):
        assert float(ranks[head]) == pytest.approx(rank_of(tokens[head]), rel=1e-5)
        size = float(tokens[head].double().square().sum(1).mean())
        assert float(sizes[head]) == pytest.approx(size, rel=1e-5)


def test_two_batches_merge_into_one_pass() -> None:
    parts = torch.randn(2, 2, 3, 7, 4)
    one, other = (show(OutputWatcher(), part) for part in parts)
    one.merge(other)
    whole = effective_ranks(show(show(OutputWatcher(), parts[0]), parts[1]).sums, 0)
    merged = effective_ranks(one.sums, 0)
    assert merged is not None
    assert torch.allclose(merged, whole)


def test_equal_shares_of_two_directions_are_a_rank_of_two() -> None:
    z = torch.tensor([[1.0, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0]]).view(1, 1, 4, 3)
    ranks = effective_ranks(show(OutputWatcher(), z).sums, 0)
    assert ranks is not None
    assert float(ranks) == pytest.approx(2)


def test_a_constant_output_has_no_rank() -> None:
    ranks = effective_ranks(show(OutputWatcher(), torch.ones(1, 2, 5, 3)).sums, 0)
    assert ranks is not None
    assert bool(ranks.isnan().all())


@pytest.mark.parametrize(
    ("kind", "packed"), [(Layer, "no"), (Layer, "rows"), (Layer, "conv"), (Plain, "no"), (Loop, "no")]
)
def test_contributions_are_what_each_head_adds_to_the_stream(kind: type[Layer], packed: str) -> None:
    torch.manual_seed(0)
    layer, x = kind(packed=packed).requires_grad_(False), torch.randn(3, 11, 24)
    scan = attnprobe.scan(layer, x, probes=ONLY, device="cpu", backward=False)
    (site,) = scan.sites
    heads, sizes = layer.heads_of(x), []
    nothing = layer.projected(torch.zeros_like(heads))
    for head in range(4):
        alone = torch.zeros_like(heads)
        alone[:, head] = heads[:, head]
        sizes.append(float((layer.projected(alone) - nothing).norm() / x.norm()))
    assert site.head_metrics["head_contribution"] == pytest.approx(sizes, rel=1e-4)
    squares = [size**2 for size in sizes]
    shares = [square / sum(squares) for square in squares]
    assert site.head_metrics["head_contribution_share"] == pytest.approx(shares, rel=1e-4)


def test_a_dead_head_adds_exactly_nothing() -> None:
    torch.manual_seed(0)
    layer = Layer()
    with torch.no_grad():
        layer.o_proj.weight[:, 6:12] = 0
    (site,) = attnprobe.scan(layer, torch.randn(2, 5, 24), probes=ONLY, device="cpu", backward=False).sites
    assert site.head_metrics["head_contribution"][1] == 0
    assert min(site.head_metrics["head_output_share"]) > 0


def test_multihead_attention_of_torch_is_read_as_well() -> None:
    class Encoder(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.attention = nn.MultiheadAttention(12, 3, batch_first=True)

        def forward(self, x: Tensor) -> Tensor:
            return x + self.attention(x, x, x, need_weights=False)[0]

    torch.manual_seed(0)
    (site,) = attnprobe.scan(Encoder(), torch.randn(2, 6, 12), probes=ONLY, device="cpu").sites
    assert len(site.head_metrics["head_contribution"]) == 3
    assert min(site.head_metrics["head_contribution"]) > 0
