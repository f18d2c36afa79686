"""Cores and streams of a trace, carried over to another run of the same model."""

from __future__ import annotations

import pytest
import test_structures as written
import torch
from live_tensors import leaves
from test_streams import Model, pre_norm
from test_structures import D, E, H, Projected, S, X
from torch import Tensor, nn
from tracing_of import loaded

from attnprobe.tracing.assembling.translating import resized
from attnprobe.tracing.tracing import retrace, trace

LONGER = torch.randn(3, 2 * S, E, generator=torch.Generator().manual_seed(1))


class AnyBatch(Projected):
    """As `Projected`, for any number of samples."""

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (
            proj(x).view(len(x), -1, H, D).transpose(1, 2) for proj in (self.q_proj, self.k_proj, self.v_proj)
        )
        return self.o_proj(self.core(q, k, v).transpose(1, 2).flatten(2))


@pytest.mark.parametrize("core", [written.matmul, written.fused, written.keys_first, written.by_hand])
@pytest.mark.parametrize("backward", [True, False])
def test_cores_carried_over_are_those_recognised_anew(core: object, backward: bool) -> None:
    module = AnyBatch(core)  # type: ignore[arg-type]
    known = trace(loaded(module, X), train=False, backward=backward)
    carried = retrace(loaded(module, LONGER), known)
    anew = trace(loaded(module, LONGER), train=False, backward=False)
    assert carried.cores == anew.cores
    assert carried.streams == anew.streams
    assert (carried.cores[0].batch, carried.cores[0].q_len, carried.cores[0].kv_len) == (3, 2 * S, 2 * S)


def test_sites_keep_the_sizes_of_the_known_trace() -> None:
    module = AnyBatch(written.matmul)
    known = trace(loaded(module, X), train=False, backward=False)
    assert retrace(loaded(module, LONGER), known).sites == known.sites


def test_parts_are_carried_over_one_by_one() -> None:
    def loop(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        heads = [torch.softmax(q[:, h] @ k[:, h].mT * D**-0.5, -1) @ v[:, h] for h in range(H)]
        return torch.stack(heads, 1)

    module = AnyBatch(loop)
    known = trace(loaded(module, X), train=False, backward=True)
    carried = retrace(loaded(module, LONGER), known)
    shapes = [carried.tensors[part.operands["query"].tensor].shape for _, part in leaves(carried)]
    assert shapes == [(3, 2 * S, D)] * H
    assert {part.operands["query"].dims for _, part in leaves(carried)} == {
        ((("n", 3),), (("l", 2 * S),), (("d", D),))
    }


def test_streams_are_carried_over() -> None:
    module = Model(pre_norm)
    known = trace(loaded(module, torch.randn(2, 6, 16)), train=False, backward=True)
    other = loaded(module, torch.randn(3, 9, 16))
    carried, anew = retrace(other, known), trace(other, train=False, backward=False)
    assert carried.streams == anew.streams
    entry = carried.streams[1].entry
    assert entry is not None
    assert carried.tensors[entry].shape == (3, 9, 16)


def test_another_path_is_recognised_anew() -> None:
    class Branching(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one, self.other = AnyBatch(written.matmul), AnyBatch(written.fused)

        def forward(self, x: Tensor) -> Tensor:
            return self.one(x) if x.shape[1] == S else self.other(x)

    module = Branching()
    known = trace(loaded(module, X), train=False, backward=False)
    assert [site.id for site in retrace(loaded(module, LONGER), known).sites] == ["other"]


def test_a_factor_of_a_dim_is_worked_out_from_the_others() -> None:
    dims = ((("n", 2), ("h", 4)), (("l", 16),), (("d", 8),))
    assert resized(dims, (12, 32, 8), {}) == ((("n", 3), ("h", 4)), (("l", 32),), (("d", 8),))


def test_two_unknown_factors_of_a_dim_are_not_guessed() -> None:
    dims = ((("n", 2), ("w", 4)), (("l", 16),))
    assert resized(dims, (12, 16), {"l": 16}) is None
    assert resized(dims, (12, 16), {"l": 16, "w": 4}) == ((("n", 3), ("w", 4)), (("l", 16),))


def test_a_dim_of_one_entry_that_grew_is_not_guessed() -> None:
    assert resized(((), (("d", 8),)), (5, 8), {}) is None
