"""The delta rule: a matrix of keys and values in which a new value replaces what its key held.

    S_t   = S_{t-1} + β_t k_t (v_t - S_{t-1}^T k_t)^T                        [B, H, D, D]
    out_t = o_proj(norm(S_t^T q_t))                                          [B, S, E]
    k, q  = silu of their projections, of length 1;   β_t = σ(b_proj x_t)    [B, H, S, 1]

A chunk of C tokens writes U, the corrected values, into the matrix: S ← S + K^T U, where
(1 + diag(β) strictly_lower(K K^T)) U = diag(β) (V - K S): one triangular solve, for all chunks at once.

Cost per head: about 8 S D² FLOPs and 8 S C D for chunks of C = 64, beside the projections; memory linear in
length; decoding keeps D² numbers. Keeps the latest value of up to about D keys; loses what was overwritten.

Exactness: retrain. Source: Schlag et al. 2021, arXiv:2102.11174, section 4.2; chunks: Yang et al. 2024,
arXiv:2406.06484, section 3. Departure: no short convolutions behind the projections.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from attnprobe.attention.kernelised.precision import widened
from attnprobe.attention.recurrent.layer import RecurrentLayer, Tokens, chunks

_CHUNK = 64


class DeltaRule(RecurrentLayer):
    """A layer of delta-rule attention, causal, chunk by chunk or token by token.

    Args:
        embed_dim: Width E of the model.
        num_heads: Heads H.
        head_dim: Width D of a head; None: E / H.
        bias: Of the projections.
    """

    def __init__(
        self, embed_dim: int, num_heads: int, head_dim: int | None = None, bias: bool = False
    ) -> None:
        super().__init__(embed_dim, num_heads, head_dim, bias)
        self.b_proj = nn.Linear(embed_dim, num_heads, bias=bias)

    def tokens(self, x: Tensor, padding: Tensor | None) -> Tokens:
        """Queries, keys, values and β; padding writes nothing."""
        query, key = (self._unit(proj(x)) for proj in (self.q_proj, self.k_proj))
        (logits,) = widened(self.split(self.b_proj(x)))
        strength = torch.sigmoid(logits)  # [B, H, S, 1]
        if padding is not None:
            strength = strength.masked_fill(~padding[:, None, :, None], 0.0)
        return Tokens(query, key, self.split(self.v_proj(x)), strength)

    def _unit(self, x: Tensor) -> Tensor:
        (wide,) = widened(self.split(x))
        return F.normalize(F.silu(wide), dim=-1)

    @staticmethod
    def chunked(tokens: Tokens, matrix: Tensor | None) -> tuple[Tensor, Tensor]:
        """Corrected values of all chunks by one solve, then chunk by chunk through the matrix."""
        length, width = tokens.query.shape[2], tokens.value.shape[3]
        query, key, value, strength = chunks(tokens, _CHUNK)  # [B, H, n, C, D]
        solved = torch.linalg.solve_triangular(
            strength * (key @ key.mT).tril(-1),  # the diagonal of ones is understood
            strength * torch.cat((value, key), dim=-1),
            upper=False,
            unitriangular=True,
        )
        fresh, held = solved[..., :width], solved[..., width:]
        products = (query @ key.mT).tril()
        state = torch.zeros_like(key[:, :, 0].mT @ value[:, :, 0]) if matrix is None else matrix
        outs = []
        for parts in zip(*(each.unbind(2) for each in (query, key, products, fresh, held)), strict=True):
            queries, keys, near, new, old = parts
            written = new - old @ state  # U
            outs.append(queries @ state + near @ written)
            state = state + keys.mT @ written
        return torch.cat(outs, dim=2)[:, :, :length], state

    @staticmethod
    def stepped(tokens: Tokens, matrix: Tensor | None) -> tuple[Tensor, Tensor]:
        """The recurrence as it stands."""
        state = (
            torch.zeros_like(tokens.key[:, :, :1].mT @ tokens.value[:, :, :1]) if matrix is None else matrix
        )
        outs = []
        for q, k, v, strength in zip(*(torch.split(each, 1, dim=2) for each in tokens), strict=True):
            state = state + k.mT @ (strength * (v - k @ state))
            outs.append(q @ state)
        return torch.cat(outs, dim=2), state


attention = DeltaRule
