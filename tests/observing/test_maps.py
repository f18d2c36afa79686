"""Maps asked through the fused kernel, against the whole map computed the plain way."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import Tensor

from attnprobe.observing.calls import AttentionCall
from attnprobe.observing.fused_map import FusedMap
from attnprobe.observing.maps import AttentionMap, GivenMap
from attnprobe.observing.rows import row_blocks

TOLERANCE = 1e-5
MASKS = (
    "none",
    "bool",
    "per_head",
    "lowest",
    "minus_1e9",
    "bias",
    "padding",
    "hides_a_query",
    "hides_it_by_1e9",
)


@dataclass(frozen=True)
class Case:
    """Queries and keys, and the map that they make, in double precision and whole."""

    query: Tensor
    key: Tensor
    groups: tuple[int, ...]
    mask: Tensor | None
    is_causal: bool
    scale: float

    @property
    def fused(self) -> FusedMap:
        return FusedMap(
            self.query, self.key, self.groups, mask=self.mask, is_causal=self.is_causal, scale=self.scale
        )

    @property
    def scores(self) -> Tensor:
        """[N, H, L, S] in float64, -inf where hidden."""
        scores = self.query.double() @ self.key[:, list(self.groups)].double().mT * self.scale
        length, keys = scores.shape[2:]
        if self.is_causal:
            later = torch.ones(length, keys, dtype=torch.bool).triu(1)
            scores = scores.masked_fill(later, -torch.inf)
        if self.mask is None:
            return scores
        if self.mask.dtype == torch.bool:
            return scores.masked_fill(~self.mask, -torch.inf)
        return torch.where(self.mask.double() < -1e4 + 1, -torch.inf, scores + self.mask.double())

    @property
    def whole(self) -> Tensor:
        """[N, H, L, S] in float64; zeros for a query that sees nothing."""
        return self.scores.softmax(-1).nan_to_num(0.0)


def case(
    samples: int,
    groups: tuple[int, ...],
    length: int,
    keys: int,
    kind: str,
    *,
    is_causal: bool = False,
    dtype: torch.dtype = torch.float32,
    width: int = 8,
    spread: float = 1.0,
    seed: int = 0,
) -> Case:
    generator = torch.Generator().manual_seed(seed)
    query = torch.randn(samples, len(groups), length, width, generator=generator) * spread
    key = torch.randn(samples, max(groups) + 1, keys, width, generator=generator)
    seen = torch.rand(samples, 1, length, keys, generator=generator) < 0.6
    seen[..., 0] = True
    kept = seen & (torch.arange(length) != length // 2)[:, None]
    lowest = torch.finfo(dtype).min
    zeros = torch.zeros(seen.shape, dtype=dtype)
    masks = {
        "none": None,
        "bool": seen,
        "per_head": seen | (torch.rand(1, len(groups), length, keys, generator=generator) < 0.2),
        "lowest": zeros.masked_fill(~seen, lowest),
        "minus_1e9": zeros.masked_fill(~seen, max(-1e9, lowest)),
        "bias": torch.randn(1, len(groups), length, keys, generator=generator).to(dtype),
        "key_bias": torch.randn(1, 1, 1, keys, generator=generator).to(dtype),
        "padding": torch.arange(keys)[None, None, None]
        < torch.arange(keys, keys + samples).view(-1, 1, 1, 1) // 2 + 1,
        "hides_a_query": kept,
        "hides_it_by_1e9": zeros.masked_fill(~kept, max(-1e9, lowest)),
    }
    return Case(query.to(dtype), key.to(dtype), groups, masks[kind], is_causal, width**-0.5)


GROUPINGS = st.sampled_from([(0,), (0, 1), (0, 0, 0, 0), (0, 0, 1, 1), (0, 1, 0, 1), (0, 1, 2)])
CASES = st.builds(
    case,
    st.integers(1, 3),
    GROUPINGS,
    st.sampled_from([1, 2, 5, 17, 33, 64]),
    st.sampled_from([1, 2, 7, 33, 64, 65]),
    st.sampled_from(MASKS),
    is_causal=st.booleans(),
    dtype=st.sampled_from([torch.float32, torch.bfloat16, torch.float16]),
    width=st.sampled_from([4, 8, 16]),
    spread=st.sampled_from([0.01, 1.0, 6.0]),
    seed=st.integers(0, 5),
)
several = settings(max_examples=60, deadline=None)


def given_map(known: Case) -> GivenMap:
    scores = known.scores.float()
    return GivenMap(
        known.whole.float(), scores, is_softmax=True, is_causal=known.is_causal, width=known.query.shape[3]
    )


def close(found: Tensor, expected: Tensor, tolerance: float = TOLERANCE) -> bool:
    gap = (found.double() - expected).abs()
    return bool((gap <= tolerance * (1 + expected.abs())).all())


def agrees(found: AttentionMap, known: Case) -> None:
    """Everything that can be asked, against the whole map."""
    whole = known.whole
    everything = torch.arange(found.L)
    assert close(found.rows(everything), whole)
    assert close(found.visible(), torch.isfinite(known.scores).sum(-1))
    assert close(found.entropy(), -torch.special.xlogy(whole, whole).sum(-1), 4 * TOLERANCE)
    weights = torch.ones_like(whole[..., 0]) if found.row_weights is None else found.row_weights[:, None]
    expected = (whole * weights[..., None].double()).sum(2)
    assert close(found.column_mass(), expected)
    size, blocks = found.block_mass()
    padded = torch.nn.functional.pad(whole, (0, size * blocks.shape[-1] - found.S))
    assert close(blocks, padded.unflatten(-1, (-1, size)).sum(-1))
    values = torch.randn(found.N, found.H, found.S, 3, generator=torch.Generator().manual_seed(1))
    assert close(found.product(values), whole @ values.double())


@several
@given(CASES)
def test_the_fused_map_is_the_whole_map(known: Case) -> None:
    assume(not (known.is_causal and known.query.shape[2] != known.key.shape[2] and known.mask is not None))
    agrees(known.fused, known)


@several
@given(CASES)
def test_a_map_in_memory_is_the_whole_map(known: Case) -> None:
    agrees(given_map(known), known)


@several
@given(CASES)
def test_padded_queries_give_no_mass(known: Case) -> None:
    for found in (known.fused, given_map(known)):
        found.row_weights = (torch.arange(found.L) >= found.L // 3).float().expand(found.N, -1)
        agrees(found, known)


@several
@given(CASES)
def test_logits_are_the_scores_as_they_enter_the_softmax(known: Case) -> None:
    everything = torch.arange(known.query.shape[2])
    for found in (known.fused, given_map(known)):
        logits = found.logits(everything)
        assert logits is not None
        hidden = torch.isinf(known.scores)
        assert torch.equal(torch.isinf(logits), hidden)
        assert close(logits.masked_fill(hidden, 0.0), known.scores.masked_fill(hidden, 0.0))


@pytest.mark.parametrize("kind", ["none", "bool", "bias"])
def test_keys_of_another_length_agree(kind: str) -> None:
    agrees((known := case(2, (0, 0, 1, 1), 19, 70, kind)).fused, known)


def test_causal_queries_and_keys_of_unlike_lengths_agree() -> None:
    for length, keys in ((9, 14), (14, 9)):
        known = case(2, (0, 0), length, keys, "none", is_causal=True)
        agrees(known.fused, known)


def test_sharp_scores_agree() -> None:
    # Scores up to about 100: weights are one or nothing, and their sums still come out
    agrees((known := case(1, (0, 1), 65, 65, "none", is_causal=True, spread=25.0)).fused, known)


@pytest.mark.parametrize("is_causal", [False, True])
def test_a_long_map_agrees(is_causal: bool) -> None:
    agrees((known := case(1, (0, 0), 613, 613, "none", is_causal=is_causal, width=16)).fused, known)


@pytest.mark.parametrize("kind", ["none", "per_head", "bias", "key_bias"])
def test_maps_taken_in_small_pieces_agree(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("attnprobe.observing.maps._BLOCK_BYTES", 4 * 2 * 3 * 21 * 5)  # five queries at a time
    monkeypatch.setattr("attnprobe.observing.fused_map._WORKSPACE_BYTES", 24 * 2 * 21 * 8 * 2)  # two heads
    known = case(2, (0, 1, 2), 21, 21, kind, is_causal=kind == "none")
    assert len(list(known.fused.all_rows())) == 5
    assert len(list(known.fused._heads())) == 2
    agrees(known.fused, known)
    agrees(given_map(known), known)


def _mean_of_rows(found: AttentionMap) -> tuple[int, Tensor]:
    """How many queries were sampled, and the mean over them of the largest probability."""
    blocks = list(row_blocks(_bare_call(), found, seed=0))
    largest = torch.cat([block.probabilities.amax(-1) for block in blocks], -1)
    return largest.shape[-1], largest.mean(-1)


def _bare_call() -> AttentionCall:
    return AttentionCall(site=None, index=0, batch=None)  # type: ignore[arg-type]


def test_all_queries_of_a_short_sequence_are_looked_at() -> None:
    known = case(2, (0, 1), 256, 40, "bool")
    count, found = _mean_of_rows(known.fused)
    assert count == 256
    assert close(found, known.whole.amax(-1).mean(-1))


def test_256_queries_stand_for_a_long_sequence() -> None:
    known = case(1, (0, 1), 900, 900, "none", is_causal=True)
    count, found = _mean_of_rows(known.fused)
    assert count == 256
    # One query out of each stretch of 3 or 4: health measured .017 as the worst error of 256 at random
    assert torch.allclose(found.double(), known.whole.amax(-1).mean(-1), atol=0.017)


def test_the_map_before_dropout_comes_from_the_scores() -> None:
    known = case(1, (0, 1), 12, 12, "bool")
    dropped = torch.nn.functional.dropout(known.whole.float(), 0.5)
    found = GivenMap(
        dropped, known.scores.float(), is_softmax=True, is_causal=False, width=8, from_logits=True
    )
    assert close(found.rows(torch.arange(12)), known.whole)
    assert close(found.column_mass(), known.whole.sum(2))


def test_a_map_without_scores_knows_the_causal_order_alone() -> None:
    weights = torch.eye(4).expand(1, 1, 4, 4)
    causal = GivenMap(weights, None, is_softmax=False, is_causal=True, width=4)
    assert causal.visible().flatten().tolist() == [1, 2, 3, 4]
    assert causal.logits(torch.arange(4)) is None
    free = GivenMap(weights, None, is_softmax=False, is_causal=False, width=4)
    assert free.visible().flatten().tolist() == [4, 4, 4, 4]
