"""Branches side by side."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from attnprobe.attention import (
    Attention,
    Cbam,
    External,
    GatedFusion,
    Mask,
    Parallel,
    Sdpa,
    SlidingWindow,
    SqueezeExcitation,
)
from attnprobe.errors import MaskError, ShapeError, UsageError
from attnprobe.testing import assert_core_conforms, assert_module_conforms


def _x(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(1))


class Times(nn.Module):
    """f(x) = factor · x."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.factor * x


@pytest.mark.parametrize("fusion", ["gate", "token_gate", "concat"])
def test_at_first_the_second_branch_changes_nothing(fusion: str) -> None:
    torch.manual_seed(0)
    first, x = Attention(32, 4), _x(2, 9, 32)
    layer = Parallel([first, External(32, 4)], fusion, width=32)  # type: ignore[arg-type]
    assert (layer(x) - first(x)).abs().max() == 0
    query = _x(2, 4, 9, 8)
    core = Parallel([Sdpa(), SlidingWindow(3)], fusion, width=8)  # type: ignore[arg-type]
    assert (core(query, query, query) - Sdpa()(query, query, query)).abs().max() == 0


@pytest.mark.parametrize("fusion", ["gate", "token_gate", "concat"])
def test_the_second_branch_can_be_learned(fusion: str) -> None:
    layer = Parallel([Times(2.0), Times(5.0)], fusion, width=4)  # type: ignore[arg-type]
    layer(_x(2, 3, 4)).square().sum().backward()
    assert all(each.grad is not None and each.grad.abs().max() > 0 for each in layer.parameters())


def test_fusions_follow_their_formulas() -> None:
    x = torch.tensor([[1.0, 3.0]])
    assert Parallel([Times(2.0), Times(5.0)], "sum")(x).tolist() == [[7.0, 21.0]]
    gated = Parallel([Times(2.0), Times(5.0), Times(7.0)])
    assert gated.fusion is not None
    with torch.no_grad():
        gated.fusion.gains.copy_(torch.tensor([1.0, -0.5]))  # type: ignore[union-attr]
    assert gated(x).tolist() == [[2 + 5 - 3.5, 6 + 15 - 10.5]]
    by_token = Parallel([Times(2.0), Times(5.0)], "token_gate", width=2)
    with torch.no_grad():
        by_token.fusion.gate.weight.copy_(torch.tensor([[3.0, -1.0]]))  # type: ignore[union-attr]
    assert by_token(x).tolist() == [[2.0, 6.0]]  # tanh(3 · 1 - 1 · 3) = 0


def test_gated_fusion_starts_with_equal_weights_or_with_a_lead() -> None:
    x = torch.tensor([[1.0, 3.0]])
    even = GatedFusion([Times(2.0), Times(6.0)], 2)
    torch.testing.assert_close(even(x), torch.tensor([[4.0, 12.0]]))
    led = GatedFusion([Times(2.0), Times(6.0)], 2, is_per_feature=False, lead=10.0)
    share = 1 / (1 + torch.tensor(-10.0).exp())
    torch.testing.assert_close(led(x), x * (2 * share + 6 * (1 - share)))


def test_gated_fusion_weighs_by_what_it_fuses() -> None:
    # Branches 1 and 2 of one feature; scores 0 · 1 + log 3 / 2 · 2 = log 3 against 0: weights 3/4 and 1/4.
    layer = GatedFusion([Times(1.0), Times(2.0)], 1)
    with torch.no_grad():
        layer.gate.weight[0, 1] = torch.tensor(3.0).log() / 2
    torch.testing.assert_close(layer(torch.tensor([[1.0]])), torch.tensor([[1.25]]))


def test_composites_of_cores_conform() -> None:
    assert_core_conforms(Parallel([Sdpa(), SlidingWindow(8)]), lengths=(1, 7, 63))
    assert_core_conforms(GatedFusion([Sdpa(), SlidingWindow(8)], 8), lengths=(7, 63), skip=_FIXED_WIDTH)


_FIXED_WIDTH = ["agreement", "decoding"]  # these try values of other widths, for which the gate is not made


def test_composites_of_layers_conform() -> None:
    def branches() -> list[nn.Module]:
        return [Attention(32, 4), Attention(32, 4, SlidingWindow(8))]

    assert_module_conforms(GatedFusion(branches(), 32), lengths=(1, 21))
    assert_module_conforms(Parallel(branches(), "token_gate", width=32), lengths=(1, 21))


def test_gates_on_maps_stand_side_by_side() -> None:
    x, first = _x(2, 16, 5, 5), SqueezeExcitation(16)
    assert torch.equal(Parallel([first, Cbam(16)])(x), first(x))


def test_a_composite_of_cores_takes_projections() -> None:
    x = _x(2, 9, 32)
    layer = Attention(32, 4, Parallel([Sdpa(), SlidingWindow(3)]))
    torch.testing.assert_close(layer(x), layer.reference(x))


def test_what_does_not_go_together_is_an_error() -> None:
    with pytest.raises(UsageError, match="cores or layers; got both"):
        Parallel([Sdpa(), Attention(8, 2)])
    with pytest.raises(UsageError, match="got nothing"):
        Parallel([])
    with pytest.raises(UsageError, match="needs the width"):
        Parallel([Sdpa(), Sdpa()], "concat")
    query = _x(1, 2, 5, 8)
    with pytest.raises(ShapeError, match="outputs are 8 wide"):
        GatedFusion([Sdpa(), Sdpa()], 16)(query, query, query)
    with pytest.raises(ShapeError, match="outputs are 8 wide"):
        Parallel([Sdpa(), Sdpa()], "concat", width=16)(query, query, query)
    with pytest.raises(ShapeError, match="takes query, key and value"):
        Parallel([Sdpa(), Sdpa()])(_x(1, 5, 8))
    with pytest.raises(MaskError, match="causal"):
        Parallel([Attention(8, 2), External(8)])(_x(1, 5, 8), mask=Mask(is_causal=True))
