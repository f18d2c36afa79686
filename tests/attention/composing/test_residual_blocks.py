"""Residuals, norms and initial values by their formulas."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from attnprobe.attention import Attention, SqueezeExcitation
from attnprobe.attention.composing.initial_values import (
    Init,
    deepnorm_beta,
    initialise,
    t_fixup_factor,
)
from attnprobe.attention.composing.residuals import Norm, Residual, ResidualKind, deepnorm_alpha
from attnprobe.errors import UsageError

X = torch.tensor([[[1.0, 5.0]]])  # LN(x) = [-1, 1], up to its epsilon


class Triple(nn.Module):
    """f(x) = 3 x + [0, 3]."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return 3 * x + torch.tensor([0.0, 3.0])


@pytest.mark.parametrize(
    ("residual", "norm", "expected"),
    [
        ("none", "none", [3.0, 18.0]),
        ("plain", "none", [4.0, 23.0]),
        ("plain", "pre", [1.0 - 3.0, 5.0 + 6.0]),  # x + f([-1, 1])
        ("plain", "post", [-1.0, 1.0]),  # LN([4, 23])
        ("plain", "sandwich", [0.0, 6.0]),  # x + LN([-3, 6])
        ("scaled", "none", [1.0, 5.0]),  # gains start at zero
        ("none", "pre", [-3.0, 6.0]),
    ],
)
def test_residual_and_norm_follow_the_formula(
    residual: ResidualKind, norm: Norm, expected: list[float]
) -> None:
    block = Residual(Triple(), 2, residual=residual, norm=norm)
    torch.testing.assert_close(block(X), torch.tensor([[expected]]), rtol=1e-4, atol=1e-4)


def test_deepnorm_scales_what_goes_past_the_layer() -> None:
    # α = (2 · 8)^(1/4) = 2: 2 [1, 5] + [3, 18] = [5, 28], and LN of it.
    block = Residual(Triple(), 2, residual="deepnorm", norm="post", depth=8)
    block.after = nn.Identity()
    assert block(X).flatten().tolist() == [5.0, 28.0]
    with pytest.raises(UsageError, match="goes with norm 'post'"):
        Residual(Triple(), 2, residual="deepnorm", norm="pre")


def test_constants_are_those_of_the_papers() -> None:
    assert deepnorm_alpha(8) == pytest.approx(2.0)  # (2 · 8)^(1/4)
    assert deepnorm_beta(2) == pytest.approx(0.5)  # (8 · 2)^(-1/4)
    assert t_fixup_factor(16, False) == pytest.approx(0.335)  # 0.67 / 2
    assert t_fixup_factor(9, True) == pytest.approx(1 / 3)  # (9 · 9)^(-1/4)


@pytest.mark.parametrize(
    ("scheme", "depth", "score_std", "other_std"),
    [
        # Square matrices of width 256: variance 2 / 512, standard deviation 1/16.
        ("xavier", 1, 1 / 16, 1 / 16),
        ("deepnorm", 2, 1 / 16, 1 / 32),
        ("t_fixup", 16, 1 / 16, 0.335 / 16),
    ],
)
def test_initial_values_have_the_right_spread(
    scheme: Init, depth: int, score_std: float, other_std: float
) -> None:
    torch.manual_seed(0)
    layer = Attention(256, 4)
    initialise(layer, scheme, depth=depth)
    for projection in (layer.q_proj, layer.k_proj):
        assert projection.weight.std().item() == pytest.approx(score_std, rel=0.02)
    for projection in (layer.v_proj, layer.o_proj):
        assert projection.weight.std().item() == pytest.approx(other_std, rel=0.02)
        assert not projection.bias.any()


def test_a_layer_that_starts_at_zero_needs_an_output_projection() -> None:
    layer = Attention(16, 2)
    initialise(layer, "zero")
    assert not layer(torch.randn(1, 5, 16)).any()
    with pytest.raises(UsageError, match="no o_proj"):
        initialise(SqueezeExcitation(16), "zero")


def test_unknown_words_are_errors() -> None:
    with pytest.raises(UsageError, match="norm is 'mid'"):
        Residual(Triple(), 2, norm="mid")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="init is 'he'"):
        initialise(nn.Linear(2, 2), "he")  # type: ignore[arg-type]


def test_layer_norm_is_torchs() -> None:
    x = torch.randn(2, 3, 8, generator=torch.Generator().manual_seed(0))
    block = Residual(nn.Linear(8, 8), 8, norm="post")
    torch.testing.assert_close(block(x), F.layer_norm(x + block.layer(x), (8,)))
