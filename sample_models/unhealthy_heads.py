"""Eleven attentions as if trained, each but one ill in a way of its own, by its weights and not by its code.

- `healthy`: no fault.
- `twins`: heads 1 and 2 have the same queries, keys and values.
- `dead`: the output projection reads nothing of head 3.
- `idle`: the output projection is a thousandth of what it should be.
- `low_rank`: queries of every head use 2 of their 16 dims.
- `shared`: heads 0 and 1, and heads 2 and 3, have the same keys and values, each with queries of its own.
- `sharp`: queries are twenty times too large.
- `local_1`, `local_2`, `local_3`: a bias lets every head see its neighbours only.
- `half_local`: the same for heads 0 and 1; heads 2 and 3 look everywhere.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

VOCAB_SIZE = 50
BATCH_SIZE, SEQ_LEN = 4, 64
EMBED_DIM, NUM_HEADS = 64, 4
HEAD_DIM = EMBED_DIM // NUM_HEADS
LAYERS = (
    *("healthy", "twins", "dead", "idle", "low_rank", "shared", "sharp"),
    *("local_1", "local_2", "local_3", "half_local"),
)


class Attention(nn.Module):
    """Self-attention beside a residual; weights with a deviation of 0.2, far from freshly drawn ones."""

    def __init__(self, slopes: tuple[float, ...] = (0.0,) * NUM_HEADS) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(EMBED_DIM)
        self.q_proj = nn.Linear(EMBED_DIM, EMBED_DIM, bias=False)
        self.k_proj = nn.Linear(EMBED_DIM, EMBED_DIM, bias=False)
        self.v_proj = nn.Linear(EMBED_DIM, EMBED_DIM, bias=False)
        self.o_proj = nn.Linear(EMBED_DIM, EMBED_DIM, bias=False)
        for projection in (self.q_proj, self.k_proj, self.v_proj, self.o_proj):
            nn.init.normal_(projection.weight, std=0.2)
        positions = torch.arange(SEQ_LEN)
        distance = (positions[None] - positions[:, None]).abs()  # [S, S]
        self.is_biased = any(slopes)
        self.register_buffer("bias", -torch.tensor(slopes)[:, None, None] * distance, persistent=False)

    def forward(self, x: Tensor) -> Tensor:  # [B, S, E] -> [B, S, E]
        read = self.norm(x)
        query, key, value = (
            projection(read).unflatten(-1, (NUM_HEADS, HEAD_DIM)).transpose(1, 2)  # [B, H, S, D]
            for projection in (self.q_proj, self.k_proj, self.v_proj)
        )
        length = x.shape[1]
        mask = self.bias[:, :length, :length] if self.is_biased else None
        output = F.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        return x + self.o_proj(output.transpose(1, 2).flatten(2))

    def rows(self, head: int) -> slice:
        """Rows of q, k, v, and columns of o, of one head."""
        return slice(head * HEAD_DIM, (head + 1) * HEAD_DIM)


class UnhealthyHeads(nn.Module):
    """Token ids to logits, past one attention after the other."""

    def __init__(self) -> None:
        super().__init__()
        self.tokens = nn.Embedding(VOCAB_SIZE, EMBED_DIM)
        self.positions = nn.Embedding(SEQ_LEN, EMBED_DIM)
        near = (1.0,) * NUM_HEADS
        slopes = {"local_1": near, "local_2": near, "local_3": near, "half_local": (1.0, 1.0, 0.0, 0.0)}
        self.layers = nn.ModuleDict({name: Attention(*_of(slopes, name)) for name in LAYERS})
        self.head = nn.Linear(EMBED_DIM, VOCAB_SIZE)
        with torch.no_grad():
            self._plant()

    def _plant(self) -> None:
        twins, dead, shared = (self.layers[name] for name in ("twins", "dead", "shared"))
        for projection in (twins.q_proj, twins.k_proj, twins.v_proj):
            projection.weight[twins.rows(1)] = projection.weight[twins.rows(2)]
        dead.o_proj.weight[:, dead.rows(3)] = 0
        self.layers["idle"].o_proj.weight.mul_(1e-3)
        narrow = self.layers["low_rank"]
        for head in range(NUM_HEADS):
            narrow.q_proj.weight[narrow.rows(head)][2:] = 0
        for first, second in ((0, 1), (2, 3)):
            for projection in (shared.k_proj, shared.v_proj):
                projection.weight[shared.rows(second)] = projection.weight[shared.rows(first)]
        self.layers["sharp"].q_proj.weight.mul_(20)

    def forward(self, ids: Tensor) -> Tensor:  # [B, S] -> [B, S, V]
        x = self.tokens(ids) + self.positions(torch.arange(ids.shape[1], device=ids.device))
        for layer in self.layers.values():
            x = layer(x)
        return self.head(x)


def _of(slopes: dict[str, tuple[float, ...]], name: str) -> tuple[tuple[float, ...], ...]:
    return (slopes[name],) if name in slopes else ()


def build_model() -> nn.Module:
    """The same weights at every call."""
    torch.manual_seed(0)
    return UnhealthyHeads()


def example_inputs() -> Tensor:
    """Token ids, [B, S]."""
    return torch.randint(VOCAB_SIZE, (BATCH_SIZE, SEQ_LEN), generator=torch.Generator().manual_seed(0))


def loss(outputs: Tensor, inputs: Tensor) -> Tensor:
    """Cross entropy of every token itself."""
    return F.cross_entropy(outputs.flatten(0, 1), inputs.flatten())
