"""A memory that is projected once, or at every step."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from attnprobe.probes.cross_projections import probe
from attnprobe.records import ProbeResult
from tests.probes.written_attention import (
    EMBED_DIM,
    Attention,
    fused,
    result_of,
    tokens,
    total,
    values,
)


class Decoder(nn.Module):
    """Three steps of cross-attention; keys and values are projected before the loop or inside of it."""

    def __init__(self, *, inside: bool, layers: int = 1) -> None:
        super().__init__()
        self.inside = inside
        self.q_proj = nn.Linear(EMBED_DIM, EMBED_DIM)
        self.kv_projs = nn.ModuleList(nn.Linear(EMBED_DIM, 2 * EMBED_DIM) for _ in range(layers))

    def forward(self, x: Tensor, memory: Tensor) -> Tensor:
        known = None if self.inside else self.kv_projs[0](memory)
        for step in range(3):
            projection = self.kv_projs[step % len(self.kv_projs)]
            key, value = (projection(memory) if known is None else known).chunk(2, dim=-1)
            x = x + fused(self.q_proj(x)[:, None], key[:, None], value[:, None])[:, 0]
        return x


def result(module: nn.Module) -> ProbeResult:
    return result_of(probe, module, tokens()[:, :5], tokens())


def test_every_step_but_the_first_repeats_the_projection() -> None:
    found = result(Decoder(inside=True))
    assert values(found, "repeated_cross_projections") == [0, 1, 1]
    assert total(found, "repeated_cross_projections") == 2


def test_keys_that_are_projected_before_the_loop_are_not_repeated() -> None:
    assert values(result(Decoder(inside=False)), "repeated_cross_projections") == [0, 0, 0]


def test_layers_with_weights_of_their_own_do_not_repeat() -> None:
    assert values(result(Decoder(inside=True, layers=3)), "repeated_cross_projections") == [0, 0, 0]


def test_without_cross_attention_there_is_nothing_to_count() -> None:
    torch.manual_seed(0)
    found = result_of(probe, Attention(fused))
    assert found.measurements == ()
    assert [m.reason for m in found.not_measured] == ["the model has no cross-attention"]
