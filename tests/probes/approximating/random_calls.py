"""Attention calls of all shapes, for property tests."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from hypothesis import strategies as st

from attnprobe.observing.calls import AttentionCall
from attnprobe.observing.fused_map import FusedMap
from tests.probes.approximating.naive_maps import WholeMaps
from tests.probes.given_maps import call_of, site

WIDTH = 4


@dataclass(frozen=True)
class Shape:
    """What a call looks like. Odd lengths and single tokens among them."""

    samples: int
    groups: int
    copies: int
    length: int
    is_causal: bool
    padding: str
    dtype: torch.dtype
    seed: int

    def call(self) -> AttentionCall:
        """Random queries, keys and values; padding of different lengths on one side."""
        generator = torch.Generator().manual_seed(self.seed)

        def drawn(heads: int) -> torch.Tensor:
            shape = (self.samples, heads, self.length, WIDTH)
            return torch.randn(shape, generator=generator).to(self.dtype)

        heads = self.groups * self.copies
        query, key, value = drawn(heads) * 2, drawn(self.groups), drawn(self.groups)
        tokens = self._tokens(generator)
        mask = None if tokens is None else tokens[:, None, None]
        if mask is not None and self.is_causal:
            mask = mask & torch.ones(self.length, self.length, dtype=torch.bool).tril()
        groups = tuple(head // self.copies for head in range(heads))
        attention = FusedMap(
            query, key, groups, mask=mask, is_causal=self.is_causal and mask is None, scale=WIDTH**-0.5
        )
        of = site(heads=heads, q_len=self.length, kv_len=self.length, is_causal=self.is_causal)
        given = {"query": query, "key": key, "value": value, "query_tokens": tokens, "key_tokens": tokens}
        return call_of(attention, of, group_of_head=groups, samples=self.samples, **given)

    def _tokens(self, generator: torch.Generator) -> torch.Tensor | None:
        if self.padding == "none":
            return None
        real = torch.randint(1, self.length + 1, (self.samples, 1), generator=generator)
        tokens = torch.arange(self.length) < real
        return tokens.flip(1) if self.padding == "left" else tokens

    def maps(self, call: AttentionCall) -> WholeMaps:
        return WholeMaps(call, is_causal=self.is_causal, scale=WIDTH**-0.5)


shapes = st.builds(
    Shape,
    samples=st.integers(1, 3),
    groups=st.integers(1, 2),
    copies=st.integers(1, 2),
    length=st.sampled_from([1, 2, 3, 5, 8, 13, 17]),
    is_causal=st.booleans(),
    padding=st.sampled_from(["none", "right", "left"]),
    dtype=st.sampled_from([torch.float32, torch.bfloat16, torch.float16]),
    seed=st.integers(0, 2**16),
)
