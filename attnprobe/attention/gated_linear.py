"""Gated linear attention: a matrix of keys and values that forgets, feature by feature, as each token says.

    S_t   = diag(α_t) S_{t-1} + k_t v_t^T                                    [B, H, D, D]
    out_t = o_proj(silu(r_proj x_t) ⊙ norm(q_t^T S_t / √D))                  [B, S, E]
    α_t   = σ(decay_up(decay_down x_t))^(1/16), not below e^-4               [B, H, S, D]

Cost per head: 4 S D² FLOPs and 4 S C D for chunks of C = 16, beside the projections; memory linear in length,
about D/C times that of the inputs; decoding keeps D² numbers. Keeps what the gates let stay; loses single
tokens once more than about D keys are held.

Exactness: retrain. Source: Yang et al. 2023, arXiv:2312.06635, section 4. Departures: keys as wide as values;
one level of chunks, not two: with gates of at least e^-4, e^(4·16) stays within float32, so that a chunk's
decays can be divided out of its keys. Sums of log α are taken, never products of α.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from attnprobe.attention.kernelised.precision import widened
from attnprobe.attention.recurrent.layer import RecurrentLayer, Tokens, chunks

_CHUNK = 16
_LOWEST = -4.0  # of log α; _CHUNK times this must stay well within the exponents of float32


class GatedLinear(RecurrentLayer):
    """A layer of gated linear attention, causal, chunk by chunk or token by token.

    Args:
        embed_dim: Width E of the model.
        num_heads: Heads H.
        head_dim: Width D of a head; None: E / H.
        bias: Of the projections.
        gate_rank: Width between decay_down and decay_up.
        temperature: 16 in the paper: the root taken of the gate, so that it begins near 1.
    """

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        head_dim: int | None = None,
        bias: bool = False,
        *,
        gate_rank: int = 16,
        temperature: float = 16.0,
    ) -> None:
        super().__init__(embed_dim, num_heads, head_dim, bias)
        width = self.num_heads * self.head_dim
        self.temperature = temperature
        self.decay_down = nn.Linear(embed_dim, gate_rank, bias=False)
        self.decay_up = nn.Linear(gate_rank, width)
        self.r_proj = nn.Linear(embed_dim, width, bias=bias)

    def tokens(self, x: Tensor, padding: Tensor | None) -> Tokens:
        """Queries, keys, values and log α; padding has keys of zero and α of one."""
        (logits,) = widened(self.split(self.decay_up(self.decay_down(x))))
        gate = (F.logsigmoid(logits) / self.temperature).clamp(min=_LOWEST)
        query, key = self.split(self.q_proj(x)) * self.head_dim**-0.5, self.split(self.k_proj(x))
        if padding is not None:
            hidden = ~padding[:, None, :, None]
            key, gate = key.masked_fill(hidden, 0.0), gate.masked_fill(hidden, 0.0)
        return Tokens(query, key, self.split(self.v_proj(x)), gate)

    def finished(self, out: Tensor, x: Tensor) -> Tensor:
        """The output gate."""
        return out * self.split(F.silu(self.r_proj(x)))

    @staticmethod
    def chunked(tokens: Tokens, matrix: Tensor | None) -> tuple[Tensor, Tensor]:
        """Within chunks by masked products, between them through the matrix."""
        length = tokens.query.shape[2]
        query, key, value, gate = chunks(tokens, _CHUNK)  # [B, H, n, C, D]
        decay = gate.cumsum(3)  # log of what is left at each token of what the chunk began with
        total = decay[:, :, :, -1:]
        added = (key * torch.exp(total - decay)).mT @ value  # [B, H, n, D, D]
        before, matrix = _carried(added, total.exp().mT, matrix)
        query = query * torch.exp(decay)
        products = (query @ (key * torch.exp(-decay)).mT).tril()
        out = products @ value + query @ before
        return out.flatten(2, 3)[:, :, :length], matrix

    @staticmethod
    def stepped(tokens: Tokens, matrix: Tensor | None) -> tuple[Tensor, Tensor]:
        """The recurrence as it stands."""
        state = _zeros(tokens) if matrix is None else matrix
        outs = []
        for query, key, value, gate in zip(*(each.unbind(2) for each in tokens), strict=True):
            state = gate.exp()[..., None] * state + key[..., None] * value[..., None, :]
            outs.append((query[..., None, :] @ state)[..., 0, :])
        return torch.stack(outs, dim=2), state


def _carried(added: Tensor, left: Tensor, matrix: Tensor | None) -> tuple[Tensor, Tensor]:
    """The matrix before every chunk [B, H, n, D, D], and behind the last; left [B, H, n, D, 1] stays."""
    state = torch.zeros_like(added[:, :, 0]) if matrix is None else matrix
    states = []
    for new, stays in zip(added.unbind(2), left.unbind(2), strict=True):
        states.append(state)
        state = state * stays + new
    return torch.stack(states, dim=2), state


def _zeros(tokens: Tokens) -> Tensor:
    batch, heads, _, width = tokens.key.shape
    return tokens.key.new_zeros(batch, heads, width, tokens.value.shape[3])


attention = GatedLinear
