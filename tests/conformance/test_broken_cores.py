"""Every check finds the mistake that it is there for: one broken core each."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from attnprobe.attention import Core, Mask
from attnprobe.attention.foundation.caches import Cache, KeyValueCache
from attnprobe.attention.foundation.plain import plain_attention, plain_scores
from attnprobe.attention.scaled_dot import ScaledDot
from attnprobe.attention.sdpa import Sdpa
from attnprobe.conformance import check_names
from attnprobe.errors import UsageError
from attnprobe.testing import assert_core_conforms


class TopLeft(Sdpa):
    """torch's own causal flag, also where lengths differ."""

    def attend(self, query: Tensor, key: Tensor, value: Tensor, mask: Mask, scale: float) -> Tensor:
        return F.scaled_dot_product_attention(
            query, key, value, is_causal=mask.is_causal, scale=scale, enable_gqa=True
        )


class MaximumOverTime(Core):
    """Causal linear attention that is stabilised by the largest key of all times."""

    supports = frozenset(("causal",))

    def attend(self, query: Tensor, key: Tensor, value: Tensor, mask: Mask, scale: float) -> Tensor:
        weights = query.exp() @ (key - key.amax(dim=(2, 3), keepdim=True)).exp().mT + 1e-6
        weights = weights * torch.ones_like(weights).tril()
        return weights / weights.sum(-1, keepdim=True) @ value


class IgnoresPadding(Sdpa):
    """Declares padding, and does not look at it."""

    def attend(self, query: Tensor, key: Tensor, value: Tensor, mask: Mask, scale: float) -> Tensor:
        return super().attend(query, key, value, Mask(is_causal=mask.is_causal), scale)


class LengthInScores(Sdpa):
    """Scales by the length of the sequence, padding included."""

    def attend(self, query: Tensor, key: Tensor, value: Tensor, mask: Mask, scale: float) -> Tensor:
        return super().attend(query * key.shape[2], key, value, mask, scale)


class NanWhenHidden(Sdpa):
    """A softmax over nothing."""

    def attend(self, query: Tensor, key: Tensor, value: Tensor, mask: Mask, scale: float) -> Tensor:
        return torch.softmax(plain_scores(query, key, mask, scale), dim=-1) @ value


class Forgetful(Sdpa):
    """Decodes with the last 8 keys only."""

    def new_cache(self) -> Cache:
        return KeyValueCache(limit=8)


class LargestOfTheBatch(Sdpa):
    """Normalises by a maximum over all samples."""

    def attend(self, query: Tensor, key: Tensor, value: Tensor, mask: Mask, scale: float) -> Tensor:
        return super().attend(query / query.abs().max(), key, value, mask, scale)


class ReturnsFloat32(Sdpa):
    """Forgets to go back to the dtype that came in."""

    def attend(self, query: Tensor, key: Tensor, value: Tensor, mask: Mask, scale: float) -> Tensor:
        return super().attend(query, key, value, mask, scale).float()


class Crashes(Sdpa):
    """Takes even lengths only."""

    def attend(self, query: Tensor, key: Tensor, value: Tensor, mask: Mask, scale: float) -> Tensor:
        return super().attend(query, key, value, mask, scale).unflatten(2, (-1, 2)).flatten(2, 3)


class RollsDice(Sdpa):
    """Draws its features anew in every call."""

    def attend(self, query: Tensor, key: Tensor, value: Tensor, mask: Mask, scale: float) -> Tensor:
        return super().attend(query + 0.1 * torch.randn_like(query), key, value, mask, scale)


class LooseTensor(Sdpa):
    """Keeps a tensor that no state_dict holds."""

    def __init__(self) -> None:
        super().__init__()
        self.table = torch.ones(3)


class BreaksTheGraph(Sdpa):
    """Looks at a number while it runs."""

    def attend(self, query: Tensor, key: Tensor, value: Tensor, mask: Mask, scale: float) -> Tensor:
        if query.sum().item() > 0:
            return super().attend(query, key, value, mask, scale)
        return plain_attention(query, key, value, mask, scale)


class SwallowsMasks(Sdpa):
    """Says that it supports no bias, and takes one without a word."""

    supports = Sdpa.supports - {"bias"}

    def check(self, query: Tensor, key: Tensor, value: Tensor, mask: Mask) -> None:
        return


class HoldsAllScores(ScaledDot):
    """Says that its memory is linear, and keeps every score."""

    has_linear_memory = True


BROKEN = {
    "memory": HoldsAllScores,
    "agreement": TopLeft,
    "future": MaximumOverTime,
    "padding_content": IgnoresPadding,
    "padding_length": LengthInScores,
    "hidden_query": NanWhenHidden,
    "decoding": Forgetful,
    "batching": LargestOfTheBatch,
    "half_precision": ReturnsFloat32,
    "determinism": RollsDice,
    "state": LooseTensor,
    "compilation": BreaksTheGraph,
    "refusal": SwallowsMasks,
}


def test_every_check_has_a_core_that_it_finds() -> None:
    assert sorted(BROKEN) == list(check_names())


@pytest.mark.parametrize("name", BROKEN)
def test_the_mistake_is_found(name: str) -> None:
    with pytest.raises(AssertionError, match=f"\n{name}: "):
        assert_core_conforms(BROKEN[name](), skip=set(check_names()) - {name}, lengths=(7,))


@pytest.mark.parametrize("name", BROKEN)
def test_a_sound_core_passes_the_same_check(name: str) -> None:
    assert_core_conforms(Sdpa(), skip=set(check_names()) - {name}, lengths=(7,))


def test_a_leak_of_small_numbers_would_not_have_shown() -> None:
    # exp(k - max k) cancels in the quotient but for the 1e-6: with keys that grow by 1 the difference stays
    # below 1e-4, with keys that grow by 1000 every weight of the past becomes the same.
    core, torch_of = MaximumOverTime(), torch.Generator().manual_seed(0)
    query, key, value = (torch.randn(1, 1, 8, 4, generator=torch_of, dtype=torch.float64) for _ in range(3))
    mask = Mask(is_causal=True)
    before = core(query, key, value, mask)[:, :, :4]
    moved = {size: key + size * (torch.arange(8) >= 4)[:, None] for size in (1.0, 1e3)}
    leak = {
        size: (core(query, each, value, mask)[:, :, :4] - before).abs().max() for size, each in moved.items()
    }
    assert leak[1.0] < 1e-4 < 1e-1 < leak[1e3]


def test_a_crash_is_a_line_among_the_others() -> None:
    with pytest.raises(AssertionError, match="\nagreement: RuntimeError: unflatten") as caught:
        assert_core_conforms(Crashes(), lengths=(7,), skip=set(check_names()) - {"agreement", "state"})
    assert isinstance(caught.value.__cause__, RuntimeError)
    assert "\nstate: RuntimeError" in str(caught.value)


def test_a_check_of_an_unknown_name_cannot_be_skipped() -> None:
    with pytest.raises(UsageError, match="no check is named leak"):
        assert_core_conforms(Sdpa(), skip=("leak",))
