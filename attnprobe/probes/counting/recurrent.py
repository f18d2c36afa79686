"""Fused recurrent layers: at every step, every weight meets the input or the state once."""

from __future__ import annotations

from math import prod

from attnprobe.probes.counting.call import OpCall
from attnprobe.probes.counting.formulas import formula
from attnprobe.records import Tensor


@formula("aten.gru", "aten.lstm", "aten.rnn_tanh", "aten.rnn_relu")
def recurrent(call: OpCall) -> int:
    """All layers and directions of one call.

    Overload `input`: (input [T, B, I] or [B, T, I], hx, params, …). Overload `data`: packed sequences,
    (data [tokens, I], batch_sizes, hx, params, …), where `tokens` is the sum of the lengths.
    """
    packed = ".data" in call.op.name
    return _flops(call.shape(0), call.tensor_list(3 if packed else 2))


@formula("aten.mkldnn_rnn_layer")
def mkldnn_layer(call: OpCall) -> int:
    """One layer in one direction: input [T, B, I], weights [gates·H, I] and [gates·H, H], two biases."""
    return _flops(call.shape(0), call.inputs[1:5])


@formula("aten.mkldnn_rnn_layer_backward")
def mkldnn_layer_backward(call: OpCall) -> int:
    """Gradients of inputs and of weights: each costs one forward."""
    return 2 * _flops(call.shape(0), call.inputs[1:5])


@formula("aten._cudnn_rnn", "aten.miopen_rnn")
def cudnn(call: OpCall) -> int:
    """All layers and directions; input [T, B, I], or [tokens, I] when packed."""
    return _flops(call.shape(0), call.tensor_list(1))


@formula("aten._cudnn_rnn_backward", "aten.miopen_rnn_backward")
def cudnn_backward(call: OpCall) -> int:
    """Gradients of inputs and of weights: each costs one forward."""
    return 2 * _flops(call.shape(0), call.tensor_list(1))


def _flops(inputs: tuple[int, ...], weights: tuple[Tensor, ...]) -> int:
    """2 · tokens · elements of all weight matrices. Biases, gates and the cell are elementwise."""
    tokens = prod(inputs[:-1])
    return 2 * tokens * sum(weight.numel for weight in weights if len(weight.shape) == 2)
