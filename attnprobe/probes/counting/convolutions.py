"""Convolutions: every weight meets every position of the output (of the input, when transposed)."""

from __future__ import annotations

from math import prod

from attnprobe.probes.counting.call import OpCall, Shape
from attnprobe.probes.counting.formulas import convolution_formula


@convolution_formula("aten.convolution", "aten._convolution", "aten.convolution_overrideable")
def convolution(call: OpCall) -> int:
    """input [B, C_in, *positions], weight [C_out, C_in / groups, *kernel] (transposed: C_in first)."""
    transposed = bool(call.argument(6, "transposed", False))
    return _flops(call.shape(0) if transposed else call.output(), call.shape(1))


@convolution_formula(
    "aten.conv1d", "aten.conv2d", "aten.conv3d", "aten._convolution_mode", "aten.mkldnn_convolution",
    "aten.cudnn_convolution", "aten.cudnn_convolution_relu", "aten.cudnn_convolution_add_relu",
    "aten.miopen_convolution", "aten.miopen_depthwise_convolution", "aten._conv_depthwise2d",
    "aten.conv_depthwise3d", "aten.thnn_conv2d", "aten._slow_conv2d_forward", "aten.slow_conv3d",
    "aten.slow_conv3d_forward", "aten.slow_conv_dilated2d", "aten.slow_conv_dilated3d",
    "aten._mps_convolution",
)  # fmt: skip
def direct_convolution(call: OpCall) -> int:
    """A convolution that is not transposed."""
    return _flops(call.output(), call.shape(1))


@convolution_formula(
    "aten.conv_transpose1d", "aten.conv_transpose2d", "aten.conv_transpose3d",
    "aten.cudnn_convolution_transpose", "aten.miopen_convolution_transpose", "aten.slow_conv_transpose2d",
    "aten.slow_conv_transpose3d",
)  # fmt: skip
def transposed_convolution(call: OpCall) -> int:
    """A transposed convolution: every weight meets every position of the input."""
    return _flops(call.shape(0), call.shape(1))


@convolution_formula("aten.conv_tbc")
def conv_tbc(call: OpCall) -> int:
    """input [T, B, C_in], weight [kernel, C_in, C_out], output [T', B, C_out]."""
    time, batch, _ = call.output()
    return 2 * time * batch * prod(call.shape(1))


@convolution_formula("aten.convolution_backward", "aten.convolution_backward_overrideable")
def convolution_backward(call: OpCall) -> int:
    """The gradient of the input costs one convolution, that of the weight another; the bias is a sum."""
    overrideable = "overrideable" in call.op.name  # it lacks `bias_sizes`
    transposed = bool(call.argument(6 if overrideable else 7, "transposed", False))
    wanted = call.argument(9 if overrideable else 10, "output_mask", (True, True, True))
    once = _flops(call.shape(1) if transposed else call.shape(0), call.shape(2))
    return once * sum(1 for is_wanted in wanted[:2] if is_wanted)


def _flops(positions: Shape, weight: Shape) -> int:
    """2 · batch · positions · weights.

    A weight's elements are the multiply-adds at one position: groups, stride and dilation need no term.
    `positions` [B, C, *positions] is the side on which the kernel lies: the output, or the input when
    transposed.
    """
    return 2 * positions[0] * prod(positions[2:]) * prod(weight)
