"""Gates on maps, held against numbers worked out by hand."""

from __future__ import annotations

from math import exp

import pytest
import torch
from torch import nn

from attnprobe.attention import Cbam, Coordinate, EfficientChannel, SqueezeExcitation
from attnprobe.attention.planes.gates import channel_kernel
from attnprobe.errors import ShapeError
from attnprobe.testing import assert_module_conforms

MAPS = ((2, 16, 5, 7), (3, 16, 1, 1), (1, 16, 8, 8))
GATES = {
    "squeeze_excitation": SqueezeExcitation(16, 4),
    "efficient_channel": EfficientChannel(16),
    "cbam": Cbam(16, 4),
    "coordinate": Coordinate(16, 4),
}
OPEN = {
    "squeeze_excitation": SqueezeExcitation(16, 4, starts_open=True),
    "efficient_channel": EfficientChannel(16, starts_open=True),
    "cbam": Cbam(16, 4, starts_open=True),
    "coordinate": Coordinate(16, 4, starts_open=True),
}


def _sigmoid(score: float) -> float:
    return 1 / (1 + exp(-score))


def _filled(layer: nn.Module, *values: list[float]) -> None:
    """Weights and biases of a layer, in order."""
    with torch.no_grad():
        for parameter, numbers in zip(layer.parameters(), values, strict=True):
            parameter.copy_(torch.tensor(numbers).reshape(parameter.shape))


@pytest.mark.parametrize("name", GATES)
def test_gates_conform(name: str) -> None:
    assert_module_conforms(GATES[name], shapes=MAPS)


@pytest.mark.parametrize("name", OPEN)
def test_gates_that_start_open_change_nothing(name: str) -> None:
    x = torch.randn(2, 16, 5, 7, generator=torch.Generator().manual_seed(0))
    assert torch.equal(OPEN[name](x), x)
    OPEN[name](x).square().sum().backward()
    gradients = [each.grad for each in OPEN[name].parameters() if each.grad is not None]
    assert max(each.abs().max() for each in gradients) > 0  # and they can be learned


def test_squeeze_excitation_weighs_a_channel_by_the_means() -> None:
    # Means 1 and 3; hidden = ReLU(1 - 3 + 2.5) = 0.5; scores 2 * 0.5 and -0.5 + 1.
    gate = SqueezeExcitation(2, 2)
    _filled(gate.squeeze, [1.0, -1.0], [2.5])
    _filled(gate.excite, [2.0, -1.0], [0.0, 1.0])
    x = torch.tensor([[[[0.0, 2.0]], [[3.0, 3.0]]]])
    a, b = _sigmoid(1.0), _sigmoid(0.5)
    torch.testing.assert_close(gate(x), torch.tensor([[[[0.0, 2 * a]], [[3 * b, 3 * b]]]]))


def test_efficient_channel_weighs_a_channel_by_its_neighbours() -> None:
    # Means 1, 2, 4; kernel 1, 0, 2: scores 2 * 2, 1 + 2 * 4, 2.
    gate = EfficientChannel(3, kernel_size=3)
    _filled(gate.conv, [1.0, 0.0, 2.0])
    x = torch.tensor([1.0, 2.0, 4.0]).reshape(1, 3, 1, 1).expand(1, 3, 2, 2)
    expected = [1 * _sigmoid(4.0), 2 * _sigmoid(9.0), 4 * _sigmoid(2.0)]
    torch.testing.assert_close(gate(x)[0, :, 1, 1], torch.tensor(expected))


@pytest.mark.parametrize(("channels", "size"), [(8, 3), (64, 3), (128, 5), (256, 5), (512, 5)])
def test_kernels_grow_with_the_logarithm_of_the_channels(channels: int, size: int) -> None:
    # (log2 C + 1) / 2 = 2, 3.5, 4, 4.5, 5; cut to 2, 3, 4, 4, 5; the next odd number.
    assert channel_kernel(channels) == size


def test_cbam_weighs_by_channel_then_by_place() -> None:
    # One channel with 0 and 2: mean 1, maximum 2; MLP is the identity on them: score 3.
    # Then mean and maximum over one channel are the map itself; the kernel takes 1 of each at the centre.
    gate = Cbam(1, 1, kernel_size=1)
    for layer in (gate.squeeze, gate.excite):
        _filled(layer, [1.0], [0.0])
    _filled(gate.conv, [1.0, 1.0])
    inner = 2 * _sigmoid(3.0)
    expected = torch.tensor([[[[0.0, inner * _sigmoid(2 * inner)]]]])
    torch.testing.assert_close(gate(torch.tensor([[[[0.0, 2.0]]]])), expected)


def test_coordinate_weighs_rows_and_columns() -> None:
    # A 2 x 2 map of one channel: rows 4 and 12 on average, columns 7 and 9; h_swish(z) = z beyond 3.
    # The first of 8 hidden channels carries the mean; scores are an eighth of it in rows, a tenth in columns.
    gate = Coordinate(1, 1).eval()
    gate.norm.eps = 0.0
    _filled(gate.squeeze, [1.0] + [0.0] * 7, [0.0] * 8)
    _filled(gate.row, [0.125] + [0.0] * 7, [0.0])
    _filled(gate.column, [0.1] + [0.0] * 7, [0.0])
    x = torch.tensor([[[[3.0, 5.0], [11.0, 13.0]]]])
    rows, columns = [_sigmoid(0.5), _sigmoid(1.5)], [_sigmoid(0.7), _sigmoid(0.9)]
    expected = [[float(x[0, 0, i, j]) * rows[i] * columns[j] for j in (0, 1)] for i in (0, 1)]
    torch.testing.assert_close(gate(x), torch.tensor([[expected]]))


def test_wrong_sizes_are_errors() -> None:
    with pytest.raises(ShapeError, match="must be odd"):
        EfficientChannel(16, kernel_size=4)
    with pytest.raises(ShapeError, match="must be odd"):
        Cbam(16, kernel_size=2)
    with pytest.raises(ShapeError, match="positive"):
        SqueezeExcitation(16, reduction=0)
