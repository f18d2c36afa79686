"""Lines and columns of the code that does each part of an attention."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from tracing_of import only_site

from attnprobe.records import Location


class Attention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.q_proj, self.k_proj, self.v_proj = (nn.Linear(16, 16) for _ in range(3))

    def forward(self, x: Tensor) -> Tensor:
        query = self.q_proj(x).view(2, 6, 2, 8).transpose(1, 2)
        key = self.k_proj(x).unflatten(2, (2, 8)).transpose(1, 2)
        value = self.v_proj(x).reshape(2, -1, 2, 8).transpose(1, 2)
        scores = query @ key.mT / 8**0.5
        future = torch.ones(6, 6, dtype=torch.bool).triu(1)
        scores = scores.masked_fill(future, float("-inf"))
        größe, weights = "注意", torch.softmax(scores, -1)
        assert größe
        return torch.matmul(
            weights,
            value,
        )


class Fused(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.qkv = nn.Linear(16, 48)

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = self.qkv(x).view(2, 6, 3, 2, 8).permute(2, 0, 3, 1, 4)
        return F.scaled_dot_product_attention(query, key, value)


def text_of(place: Location) -> str:
    """What stands between the columns of a location."""
    lines = Path(__file__).read_text(encoding="utf-8").splitlines()[place.line - 1 : place.end_line]
    assert place.column is not None
    assert place.end_column is not None
    lines[-1] = lines[-1][: place.end_column - 1]
    lines[0] = lines[0][place.column - 1 :]
    return " ".join(" ".join(lines).split())


def test_every_part_is_found_with_its_expression() -> None:
    lines = only_site(Attention(), torch.randn(2, 6, 16)).lines
    assert {part: text_of(place) for part, place in lines.items()} == {
        "query": "self.q_proj(x).view(2, 6, 2, 8)",
        "key": "self.k_proj(x).unflatten(2, (2, 8))",
        "value": "self.v_proj(x).reshape(2, -1, 2, 8)",
        "scores": "query @ key.mT",
        "mask": 'scores.masked_fill(future, float("-inf"))',
        "normaliser": "torch.softmax(scores, -1)",
        "values": "torch.matmul( weights, value, )",
    }


def test_columns_count_characters_and_not_bytes() -> None:
    place = only_site(Attention(), torch.randn(2, 6, 16)).lines["normaliser"]
    assert place.column == len('        größe, weights = "注意", ') + 1


def test_a_location_is_still_written_as_file_and_line() -> None:
    place = only_site(Attention(), torch.randn(2, 6, 16)).location
    assert place is not None
    assert str(place) == f"tests/tracing/test_lines.py:{place.line}"


def test_a_fused_kernel_is_one_line_for_all_of_its_parts() -> None:
    lines = only_site(Fused(), torch.randn(2, 6, 16)).lines
    texts = {part: text_of(lines[part]) for part in ("scores", "normaliser", "values")}
    assert set(texts.values()) == {"F.scaled_dot_product_attention(query, key, value)"}
    assert text_of(lines["query"]) == "self.qkv(x).view(2, 6, 3, 2, 8)"
    assert "mask" not in lines
