"""Facts about retention."""

from __future__ import annotations

import pytest
import torch

from attnprobe.attention import Mask
from attnprobe.attention.retention import Retention, log_decays
from attnprobe.errors import MaskError
from attnprobe.testing import assert_core_conforms


@pytest.mark.parametrize("normalise", [True, False])
def test_it_keeps_its_word(normalise: bool) -> None:
    assert_core_conforms(Retention(normalise=normalise))


def test_what_was_seen_fades_at_the_rate_of_its_head() -> None:
    one = torch.ones(1, 2, 3, 1, dtype=torch.float64)
    value = one * torch.tensor([1.0, 0.0, 0.0], dtype=torch.float64)[:, None]
    out = Retention(normalise=False)(one, one, value, Mask(is_causal=True))[0, :, :, 0]
    for head, decay in enumerate((1 - 1 / 32, 1 - 1 / 64)):
        assert out[head].tolist() == pytest.approx([1.0, decay, decay**2], abs=1e-12)


def test_what_fades_slowest_is_still_told_from_one_with_forty_heads() -> None:
    # 1 - 2^-44 is 1 in float32.
    assert log_decays(40, torch.ones(1))[39].item() == pytest.approx(-(2.0**-44), rel=1e-6)


def test_outputs_of_a_head_have_mean_zero_and_variance_one() -> None:
    generator = torch.Generator().manual_seed(0)
    query, key, value = (torch.randn(1, 2, 20, 16, generator=generator) for _ in range(3))
    out = Retention()(query, key, 10 * value, Mask(is_causal=True))
    assert out.mean(-1).abs().max() < 1e-5
    assert (out.var(-1, correction=0) - 1).abs().max() < 1e-2


def test_it_sees_no_future_and_says_so() -> None:
    x = torch.ones(1, 1, 3, 4)
    with pytest.raises(MaskError, match="bidirectional"):
        Retention()(x, x, x)
