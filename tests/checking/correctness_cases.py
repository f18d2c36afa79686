"""Small models round one way of writing attention, and where its faults are.

A line that is wrong ends in a comment that names the rule: `# AP102`.
"""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

VOCAB_SIZE, EMBED_DIM, NUM_HEADS = 50, 64, 4
HEAD_DIM = EMBED_DIM // NUM_HEADS  # 16
BATCH_SIZE, SEQ_LEN = 2, 12


def ids(batch_size: int = BATCH_SIZE, seq_len: int = SEQ_LEN) -> Tensor:
    """Token ids [B, S] from 2 on."""
    return torch.randint(2, VOCAB_SIZE, (batch_size, seq_len), generator=torch.Generator().manual_seed(0))


def padded_ids() -> dict[str, Tensor]:
    """The last 4 tokens of the second sample are padding."""
    mask = torch.ones(BATCH_SIZE, SEQ_LEN, dtype=torch.long)
    mask[1, -4:] = 0
    return {"ids": ids(), "attention_mask": mask}


class Text(nn.Module):
    """Tokens and positions, pre-norm layers of one kind of attention, an output head."""

    def __init__(
        self,
        *attentions: nn.Module,
        has_positions: bool = True,
        has_residual: bool = True,
        has_norm: bool = True,
    ) -> None:
        super().__init__()
        self.tokens = nn.Embedding(VOCAB_SIZE, EMBED_DIM)
        self.positions = nn.Embedding(64, EMBED_DIM) if has_positions else None
        self.layers = nn.ModuleList(attentions)
        self.norms = nn.ModuleList(nn.LayerNorm(EMBED_DIM) if has_norm else nn.Identity() for _ in attentions)
        self.has_residual = has_residual
        self.head = nn.Linear(EMBED_DIM, VOCAB_SIZE)

    def forward(self, ids: Tensor, attention_mask: Tensor | None = None) -> Tensor:
        x = self.tokens(ids)
        if self.positions is not None:
            x = x + self.positions(torch.arange(ids.shape[1]))
        for layer, norm in zip(self.layers, self.norms, strict=True):
            branch = layer(norm(x)) if attention_mask is None else layer(norm(x), attention_mask)
            x = x + branch if self.has_residual else branch
        return self.head(x)


class Projections(nn.Module):
    """What most attentions of these tests have in common."""

    def __init__(self) -> None:
        super().__init__()
        self.q_proj = nn.Linear(EMBED_DIM, EMBED_DIM)
        self.k_proj = nn.Linear(EMBED_DIM, EMBED_DIM)
        self.v_proj = nn.Linear(EMBED_DIM, EMBED_DIM)
        self.o_proj = nn.Linear(EMBED_DIM, EMBED_DIM)

    def heads(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """[B, S, E] -> three [B, H, S, D]."""
        return tuple(  # type: ignore[return-value]
            proj(x).view(*x.shape[:2], NUM_HEADS, HEAD_DIM).transpose(1, 2)
            for proj in (self.q_proj, self.k_proj, self.v_proj)
        )

    def merged(self, x: Tensor) -> Tensor:
        """[B, H, S, D] -> [B, S, E]."""
        return self.o_proj(x.transpose(1, 2).flatten(2))


@dataclass(frozen=True)
class Case:
    """One model, and the class whose lines are marked."""

    code: type[nn.Module]
    build: Callable[[], nn.Module] | None = None  # None: two layers of `code`
    inputs: Callable[[], Any] = ids
    causal: bool | None = None
    train: bool = False
    dtype: torch.dtype | None = None
    of_model: tuple[str, ...] = ()  # rules that fire without a line
    at_first_line_of: tuple[str, ...] = field(default=())

    def model(self) -> nn.Module:
        """The model, with the same weights every time."""
        torch.manual_seed(0)
        model = Text(self.code(), self.code()) if self.build is None else self.build()
        return model if self.dtype is None else model.to(self.dtype)

    def expected(self) -> set[tuple[str, int | None]]:
        """(rule, line) of every fault."""
        lines, first = inspect.getsourcelines(self.code)
        marked = {
            (rule, first + number)
            for number, line in enumerate(lines)
            for rule in re.findall(r"AP1\d\d", line.partition("  # ")[2])
        }
        return marked | {(rule, None) for rule in self.of_model}


def cases(folder: str) -> list[Any]:
    """Every case of a folder, as parameters of a test; a module lists them as CASES."""
    found = []

    for path in sorted((Path(__file__).parent / folder).glob("*.py")):
        module = importlib.import_module(f"{folder}.{path.stem}")
        for name, case in module.CASES.items():
            found.append(pytest.param(case, id=f"{path.stem}-{name}"))
    return found
