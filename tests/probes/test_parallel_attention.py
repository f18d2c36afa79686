"""Attentions side by side: a window of 4 keys and the whole past."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from torch import Tensor, nn

from attnprobe.probes.parallel_attention import probe
from tests.probes.written_attention import EMBED_DIM, SEQ_LEN, fused, result_of, values

CAUSAL = torch.ones(SEQ_LEN, SEQ_LEN, dtype=torch.bool).tril()


class Plain(nn.Module):
    """An attention without a residual of its own."""

    def __init__(self, window_size: int) -> None:
        super().__init__()
        self.qkv_proj = nn.Linear(EMBED_DIM, 3 * EMBED_DIM)
        self.o_proj = nn.Linear(EMBED_DIM, EMBED_DIM)
        self.attend = partial(fused, attn_mask=CAUSAL.triu(1 - window_size))

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = (
            part.unflatten(-1, (4, 8)).transpose(1, 2) for part in self.qkv_proj(x).chunk(3, dim=-1)
        )
        output: Tensor = self.o_proj(self.attend(query, key, value).transpose(1, 2).flatten(2))
        return output


class Composite(nn.Module):
    """Two attentions put together in one of several ways."""

    def __init__(self, way: str) -> None:
        super().__init__()
        self.way = way
        self.near, self.far = Plain(4), Plain(4 if way == "alike" else SEQ_LEN)
        self.norm1, self.norm2 = nn.LayerNorm(EMBED_DIM), nn.LayerNorm(EMBED_DIM)
        self.gate = nn.Parameter(torch.ones(2))
        self.mix = nn.Linear(2 * EMBED_DIM, EMBED_DIM)

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm1(x)
        match self.way:
            case "gated":
                return x + self.gate[0] * self.near(y) + self.gate[1] * self.far(y)
            case "halved":
                return x + 0.5 * self.near(y) + 0.5 * self.far(y)
            case "one after the other":
                x = x + self.near(y)
                return x + self.far(self.norm2(x))
            case "in series":
                return x + self.far(self.near(y))
            case "joined":
                joined: Tensor = self.mix(torch.cat([self.near(y), self.far(y)], dim=-1))
                return x + joined
            case _:
                return x + (self.near(y) + self.far(y))


@pytest.mark.parametrize(
    ("way", "together", "ungated"),
    [
        ("added", 2, 1),
        ("halved", 2, 1),  # constants are no gate
        ("gated", 2, 0),
        ("alike", 2, 0),  # the heads of one attention, say
        ("one after the other", 1, 0),
        ("in series", 1, 0),
        ("joined", 1, 0),
    ],
)
def test_only_different_attentions_of_one_input_that_are_added_count(
    way: str, together: int, ungated: int
) -> None:
    result = result_of(probe, Composite(way))
    assert values(result, "parallel_attentions") == [together] * 2
    assert values(result, "ungated_sum") == [ungated] * 2


def test_attention_beside_a_feed_forward_stands_alone() -> None:
    class Beside(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.attention = Plain(4)
            self.feed_forward = nn.Linear(EMBED_DIM, EMBED_DIM)

        def forward(self, x: Tensor) -> Tensor:
            output: Tensor = x + self.attention(x) + self.feed_forward(x)
            return output

    assert values(result_of(probe, Beside()), "parallel_attentions") == [1]
