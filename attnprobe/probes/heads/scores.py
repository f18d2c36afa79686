"""Products of each head's queries, and of its keys: from them the singular values of its scores."""

from __future__ import annotations

import torch
from torch import Tensor

from attnprobe.observing.calls import AttentionCall
from attnprobe.observing.sums import Sums
from attnprobe.observing.watcher import Watcher
from attnprobe.probes.heads.tokens import token_rows

MOST_TOKENS = 1024  # of one batch
_STILL = 1e-10  # of the largest singular value, squared: below it is rounding


class ScoreWatcher(Watcher):
    """Per site: Σ q qᵀ of every head, Σ k kᵀ and Σ k of every key-value head."""

    def attention(self, call: AttentionCall) -> None:
        """See `Watcher.attention`."""
        if call.query is None or call.key is None or not call.group_of_head:
            return
        if call.query.shape[-1] != call.key.shape[-1]:
            return
        query = token_rows(call.query, call.query_tokens, MOST_TOKENS).double()  # [tokens, H, D]
        key = token_rows(call.key, call.key_tokens, MOST_TOKENS).double()  # [tokens, G, D]
        if not len(query) or not len(key):
            return
        self.sums.add(call.index, "queries", torch.einsum("thd,the->hde", query, query))
        self.sums.add(call.index, "keys", torch.einsum("tgd,tge->gde", key, key))
        self.sums.add(call.index, "key total", key.sum(0))
        self.sums.add(call.index, "query tokens", len(query))
        self.sums.add(call.index, "key tokens", len(key))
        self.sums.maximum(call.index, "groups", list(call.group_of_head))


def score_rank(sums: Sums, site: int, energy: float) -> tuple[list[float | None], int] | str:
    """Fewest singular values of the scores that hold a share of their energy, by head, and head_dim.

    None for a head whose queries are zero or whose keys are all alike. A text: why there is none.
    """
    queries, keys, total = (sums.get(site, name) for name in ("queries", "keys", "key total"))
    counts = [sums.get(site, name) for name in ("query tokens", "key tokens", "groups")]
    if queries is None or keys is None or total is None or any(count is None for count in counts):
        return "its queries or keys were not seen, or differ in width"
    query_tokens, key_tokens, groups = (count for count in counts if count is not None)
    width = keys.shape[-1]
    if min(float(query_tokens), float(key_tokens)) < 2 * width:
        return f"{int(min(float(query_tokens), float(key_tokens)))} tokens are too few for {width} dims"
    centred = keys - total[:, :, None] * total[:, None] / key_tokens
    return _fewest(queries, centred[groups.long()], energy), width


def _fewest(queries: Tensor, keys: Tensor, energy: float) -> list[float | None]:
    """From two stacks of products [H, D, D], whose product has the squares of the singular values of q kᵀ."""
    root = _root(queries)
    values = torch.linalg.eigvalsh(root @ keys @ root).flip(-1).clamp_min(0)  # [H, D], descending
    whole = values.sum(-1, keepdim=True)
    size = queries.diagonal(dim1=1, dim2=2).sum(-1) * keys.diagonal(dim1=1, dim2=2).sum(-1)
    ranks = ((values.cumsum(-1) < energy * whole).sum(-1) + 1).tolist()
    is_something = (whole[:, 0] > _STILL * size).tolist()
    return [float(rank) if some else None for rank, some in zip(ranks, is_something, strict=True)]


def _root(products: Tensor) -> Tensor:
    """Square roots of positive semi-definite matrices, [H, D, D]."""
    values, vectors = torch.linalg.eigh(products)
    found: Tensor = vectors * values.clamp_min(0).sqrt()[:, None] @ vectors.mT
    return found
