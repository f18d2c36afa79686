"""The map inside of a fused kernel, asked through the kernel: softmax(QKᵀ) V' is linear in V'.

    V' = K             entropy = log Σ exp(s) - q · (A K) scale
    V' = one-hot       mass per stretch of keys
    gradient for V'    mass per key; on the CPU a third of its time suffices: the log-sum-exp over the queries
                       of s - log Σ exp(s), which is a pass with queries and keys exchanged

V' has exactly as many columns as a head has: with any other number torch silently takes the path that keeps
the whole map in memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import torch
import torch.nn.functional as F
from torch import Tensor

from attnprobe.observing.maps import HIDDEN, AttentionMap

_WORKSPACE_BYTES = 2**26  # of one pass over some of the heads
_NOTHING = 1e30  # as a score it takes no part, and unlike an infinity makes no NaN


@dataclass(frozen=True, slots=True)
class _Heads:
    """Some of the heads, ready for the kernel."""

    which: slice
    query: Tensor  # [N, h, L, D]
    key: Tensor  # [N, h, S, D]
    mask: Tensor | None


class FusedMap(AttentionMap):
    """softmax(query keyᵀ scale + mask), recomputed where it is asked for."""

    is_softmax = True

    def __init__(
        self,
        query: Tensor,
        key: Tensor,
        group_of_head: tuple[int, ...],
        *,
        mask: Tensor | None,
        is_causal: bool,
        scale: float,
    ) -> None:
        """Args: query [N, H, L, D], key [N, G, S, D], mask bool or additive [N or 1, H or 1, L or 1, S]."""
        self._query, self._key, self._groups = query, key, list(group_of_head)
        self._mask, self._is_causal, self._scale = mask, is_causal, scale
        self.N, self.H, self.L, self.width = query.shape
        self.S = key.shape[2]

    @property
    def _device(self) -> torch.device:
        return self._query.device

    @cached_property
    def _additive(self) -> Tensor | None:
        """The mask as something to add, [N or 1, H or 1, L, S] in fp32, -inf where hidden."""
        mask = self._mask
        if mask is None:
            return None
        if mask.dtype == torch.bool:
            mask = torch.zeros(mask.shape, device=mask.device).masked_fill_(~mask, -torch.inf)
        else:  # a query that sees nothing gets nothing, whatever number hides its keys
            mask = mask.float().masked_fill(mask <= HIDDEN, -torch.inf)
        return mask.expand(-1, -1, self.L, self.S)

    def rows(self, index: Tensor) -> Tensor:
        """See `AttentionMap.rows`."""
        return self.logits(index).softmax(-1).nan_to_num_(0.0)

    def rows_and_logits(self, index: Tensor) -> tuple[Tensor, Tensor]:
        """See `AttentionMap.rows_and_logits`."""
        logits = self.logits(index)
        return logits.softmax(-1).nan_to_num_(0.0), logits

    def logits(self, index: Tensor) -> Tensor:
        """See `AttentionMap.logits`."""
        query = self._query.index_select(2, index).float() * self._scale
        per_group = self.H // max(self._key.shape[1], 1)
        if self._groups == [h // per_group for h in range(self.H)]:
            grouped = query.reshape(self.N, -1, per_group * len(index), self.width)  # [N, G, R b, D]
            scores = (grouped @ self._key.float().mT).view(self.N, self.H, len(index), self.S)
        else:
            scores = query @ self._key[:, self._groups].float().mT
        if self._mask is not None and self._mask.dtype != torch.bool:
            scores += self._rows_of_mask(index)
        return scores.masked_fill_(~self.visible_rows(index), -torch.inf)

    def visible_rows(self, index: Tensor) -> Tensor:
        """See `AttentionMap.visible_rows`."""
        seen = torch.ones(1, 1, len(index), self.S, dtype=torch.bool, device=self._device)
        if self._is_causal:
            seen = seen & (torch.arange(self.S, device=self._device) <= index[:, None])
        if self._mask is not None:
            rows = self._rows_of_mask(index)
            seen = seen & (rows if rows.dtype == torch.bool else rows > HIDDEN)
        return seen

    def _rows_of_mask(self, index: Tensor) -> Tensor:
        assert self._mask is not None
        rows = self._mask if self._mask.shape[2] == 1 else self._mask.index_select(2, index)
        return rows if rows.dtype == torch.bool else rows.float()

    def product(self, values: Tensor) -> Tensor:
        """See `AttentionMap.product`."""
        columns = values.shape[-1]
        result = torch.empty(self.N, self.H, self.L, columns, device=self._device)
        for heads in self._heads():
            own = values if values.shape[1] == 1 else values[:, heads.which]
            for start in range(0, columns, self.width):
                part = own[..., start : start + self.width].float()
                given = F.pad(part, (0, self.width - part.shape[-1])).expand(*heads.key.shape)
                found = self._kernel(heads, given)
                result[:, heads.which, :, start : start + self.width] = found[..., : part.shape[-1]]
        return result

    def _kernel(self, heads: _Heads, values: Tensor) -> Tensor:
        return F.scaled_dot_product_attention(
            heads.query, heads.key, values, heads.mask, is_causal=self._causal_flag, scale=self._scale
        )

    @property
    def _causal_flag(self) -> bool:
        return self._is_causal and self._mask is None

    def _heads(self) -> Iterator[_Heads]:
        """All heads, a few at a time, keys and queries in fp32."""
        step = max(_WORKSPACE_BYTES // max(24 * self.N * max(self.L, self.S) * self.width, 1), 1)
        mask = self._additive
        if mask is not None and self._is_causal:
            keys = torch.arange(self.S, device=self._device)
            hidden = keys > torch.arange(self.L, device=self._device)[:, None]
            mask = mask.masked_fill(hidden, -torch.inf)
        for start in range(0, self.H, step):
            which = slice(start, start + step)
            own = mask if mask is None or mask.shape[1] == 1 else mask[:, which]
            query = self._query[:, which].float()
            yield _Heads(which, query, self._key[:, self._groups[which]].float(), own)

    def _column_mass(self, weights: Tensor) -> Tensor:
        if self._device.type == "cpu" and self._can_be_exchanged:
            return self._column_mass_by_log_sums(weights)
        parts = []
        for heads in self._heads():
            with torch.enable_grad():
                values = torch.zeros_like(heads.key).requires_grad_()
                output = self._kernel(heads, values)
                given = weights[..., None].expand_as(output)
                (mass,) = torch.autograd.grad(output, values, given)
            parts.append(mass[..., 0].clone())
        return torch.cat(parts, 1)

    @property
    def _is_mask_of_keys(self) -> bool:
        """Whether the mask is the same for every query."""
        return self._mask is not None and self._mask.shape[2] == 1 and not self._is_causal

    @property
    def _can_be_exchanged(self) -> bool:
        """Whether queries and keys can trade places: the order stays causal, the mask fits in memory."""
        if self._mask is None or self._is_mask_of_keys:
            return not self._causal_flag or self.L == self.S
        planes = self._mask.shape[0] * self._mask.shape[1]
        return 4 * planes * self.L * self.S <= _WORKSPACE_BYTES

    def _column_mass_by_log_sums(self, weights: Tensor) -> Tensor:
        """Σ_i w_i exp(s_ij - log Σ_k exp(s_ik)): queries become keys, with one component more for the rest.

        Both are reversed, so that a causal order stays one.
        """
        offsets = weights.log() - self._passed[0]  # [N, H, L]
        offsets = torch.where((weights > 0) & (self.visible() > 0), offsets, -_NOTHING)
        parts = []
        for heads in self._heads():
            ones = torch.ones_like(heads.key[..., :1])
            keys = torch.cat([heads.key * self._scale, ones], -1).flip(2)
            queries = torch.cat([heads.query, offsets[:, heads.which, :, None]], -1).flip(2)
            mask, of_keys = None, torch.zeros(())
            if heads.mask is not None and self._is_mask_of_keys:
                of_keys = heads.mask[:, :, 0]
            elif heads.mask is not None:
                mask = heads.mask.mT.flip(2, 3)
            _, log_mass = _cpu_pass(keys, queries, self._causal_flag, mask, 1.0)
            parts.append((log_mass.flip(2) + of_keys).exp())
        return torch.where(self._is_seen, torch.cat(parts, 1), 0.0)

    @cached_property
    def _is_seen(self) -> Tensor:
        """Whether any query may see a key: [N or 1, H or 1, S]."""
        parts = [self.visible_rows(index).any(2) for index in self.all_rows()]
        return torch.stack(parts).any(0)

    @cached_property
    def _passed(self) -> tuple[Tensor, Tensor]:
        """log Σ exp(s), and q · (A K) scale, of every query: [N, H, L]. One pass with the keys as values."""
        log_sums, mean_scores = [], []
        for heads in self._heads():
            mean_key, log_sum = _cpu_pass(heads.query, heads.key, self._causal_flag, heads.mask, self._scale)
            log_sums.append(log_sum)
            mean_scores.append((heads.query * mean_key).sum(-1) * self._scale)
        return torch.cat(log_sums, 1), torch.cat(mean_scores, 1)

    def _entropy(self) -> Tensor:
        """Exact through the kernel, unless a bias that is not a mask enters: then block by block."""
        if self._device.type != "cpu" or self._has_bias:
            return self.entropy_by_rows()
        log_sums, mean_scores = self._passed
        return (log_sums - mean_scores).clamp_(min=0.0)

    @cached_property
    def _has_bias(self) -> bool:
        mask = self._mask
        if mask is None or mask.dtype == torch.bool:
            return False
        return bool(((mask != 0) & (mask > HIDDEN)).any())


def _cpu_pass(
    query: Tensor, key: Tensor, is_causal: bool, mask: Tensor | None, scale: float
) -> tuple[Tensor, Tensor]:
    """The CPU's fused kernel with the keys as values: their means [N, H, L, D], log Σ exp(s) [N, H, L]."""
    mean_key, log_sum = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu(
        query, key, key, 0.0, is_causal, attn_mask=mask, scale=scale
    )
    return mean_key, log_sum.float()
