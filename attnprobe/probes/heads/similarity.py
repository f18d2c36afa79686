"""How alike the heads of one attention are: their outputs (CKA) and their maps (correlation)."""

from __future__ import annotations

from functools import lru_cache
from typing import ClassVar

import torch
from torch import Tensor

from attnprobe.observing.calls import AttentionCall, RowBlock
from attnprobe.observing.sums import Sums
from attnprobe.observing.watcher import Watcher
from attnprobe.probes.heads.tokens import gram, token_rows

MOST_DIMS = 2048  # of all heads together, above which each is projected
PROJECTED_DIMS = 32
SEED = 0
_STILL = 1e-10  # of a second moment: a variance below it is rounding


class SimilarityWatcher(Watcher):
    """Per site: count, sum and products of the heads' outputs; products of the centred maps."""

    wants: ClassVar[frozenset[str]] = frozenset({"rows"})

    def attention(self, call: AttentionCall) -> None:
        """See `Watcher.attention`."""
        if call.output is None:
            return
        rows = projected(token_rows(call.output, call.query_tokens))  # [tokens, H, D]
        if not rows.shape[0]:
            return
        products, total = gram(rows.flatten(1))
        self.sums.add(call.index, "tokens", rows.shape[0])
        self.sums.add(call.index, "outputs", total)
        self.sums.add(call.index, "output products", products)
        self.sums.maximum(call.index, "output width", rows.shape[2])

    def rows(self, call: AttentionCall, block: RowBlock) -> None:
        """See `Watcher.rows`."""
        off, even = off_uniform(block)
        flat = off.flatten(2)  # [N, H, b S]
        self.sums.add(call.index, "map products", (flat @ flat.mT).double().sum(0))
        self.sums.add(call.index, "map size", even)


def projected(rows: Tensor) -> Tensor:
    """[tokens, H, D] -> at most 2048 dims of all heads together, by a fixed rotation of each head."""
    heads, width = rows.shape[1:]
    if heads * width <= MOST_DIMS or width <= PROJECTED_DIMS:
        return rows
    return rows @ _rotation(width).to(rows.device)


@lru_cache(maxsize=8)
def _rotation(width: int) -> Tensor:
    """32 orthonormal columns, scaled to keep lengths on average: [D, 32]."""
    generator = torch.Generator().manual_seed(SEED)
    columns, _ = torch.linalg.qr(torch.randn(width, PROJECTED_DIMS, generator=generator))
    return torch.as_tensor(columns)


def off_uniform(block: RowBlock) -> tuple[Tensor, Tensor]:
    """The map minus the uniform one over the visible keys, and Σ 1/n of the queries that count.

    Returns:
        [N, H, b, S], zero for padded queries; [H].
    """
    visible, valid = block.visible, block.valid
    even = visible / visible.sum(-1, keepdim=True).clamp_min(1)  # [N or 1, H or 1, b, S]
    off = block.probabilities - even
    if not bool(valid.all()):
        off *= valid[:, None, :, None]
    counted = (even.amax(-1) * valid[:, None]).sum((0, 2))  # [H or 1]
    return off, counted.expand(off.shape[1])


def output_similarity(sums: Sums, site: int) -> Tensor | str:
    """Linear CKA of the heads' outputs, [H, H], NaN for heads that do not vary; or why there is none."""
    products = sums.get(site, "output products")
    if products is None:
        return "the outputs of its heads were not seen"
    count, total, width = (sums.get(site, name) for name in ("tokens", "outputs", "output width"))
    assert count is not None
    assert total is not None
    assert width is not None
    if float(count) < 2 * float(width):
        return f"{int(count)} tokens are too few for heads of {int(width)} dims"
    covariance = products - torch.outer(total, total) / count
    return _correlated(*_blocks(covariance, products, int(width)))


def _blocks(covariance: Tensor, products: Tensor, width: int) -> tuple[Tensor, Tensor]:
    """‖Z_aᵀ Z_b‖² of centred outputs, [H, H]; which heads vary, [H]."""
    heads = covariance.shape[0] // width
    cut = covariance.view(heads, width, heads, width)
    variance = covariance.diagonal().view(heads, width).sum(1)
    size = products.diagonal().view(heads, width).sum(1)
    return cut.square().sum((1, 3)), variance > _STILL * size


def _correlated(inner: Tensor, varies: Tensor) -> Tensor:
    """inner[a, b] / √(inner[a, a] inner[b, b]), NaN for heads that do not vary."""
    length = torch.where(varies, inner.diagonal().clamp_min(0).sqrt(), torch.nan)
    return inner / length[:, None] / length


def map_correlation(sums: Sums, site: int) -> Tensor | str:
    """Cosine of the heads' maps about the uniform one, [H, H], NaN for uniform heads; or why not."""
    products, size = sums.get(site, "map products"), sums.get(site, "map size")
    if products is None or size is None:
        return "its attention map could not be had"
    return _correlated(products, products.diagonal() > _STILL * size)
