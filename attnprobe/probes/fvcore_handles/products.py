"""Matrix products that fvcore counts wrongly or not at all. Every handle returns multiply-adds."""

from __future__ import annotations

from math import isqrt, prod
from typing import Any

from attnprobe.probes.fvcore_handles.values import Handle, Shape, shape, tensors_in_list


def matmul(inputs: list[Any], outputs: list[Any]) -> int:
    """[..., M, K] x [..., K, N], broadcast, and the vector forms: a K-long sum per element of the result."""
    return prod(shape(outputs[0])) * shape(inputs[0])[-1]


def added_product(inputs: list[Any], outputs: list[Any]) -> int:
    """`baddbmm(bias, one, other)`: [B, M, K] x [B, K, N]."""
    return prod(shape(inputs[1])) * shape(inputs[2])[-1]


def added_vector(inputs: list[Any], outputs: list[Any]) -> int:
    """`addmv(bias, matrix, vector)`: [M, K] x [K]."""
    return prod(shape(inputs[1]))


def tensordot(inputs: list[Any], outputs: list[Any]) -> int:
    """Elements of the result times the contracted size K, where K² = one · other / result."""
    one, other, result = (prod(shape(value)) for value in (inputs[0], inputs[1], outputs[0]))
    return result * isqrt(one * other // result) if result else 0


def grouped(inputs: list[Any], outputs: list[Any]) -> int:
    """[T, K] x [E, K, N], every row with the matrix of its group; or a batch of products."""
    one, other = shape(inputs[0]), shape(inputs[1])
    return prod(one) * other[-1]


def same_padding_convolution(inputs: list[Any], outputs: list[Any]) -> int:
    """A convolution whose padding is a word: every result is one sum over the kernel."""
    weight, result = shape(inputs[1]), shape(outputs[0])
    return prod(result) * prod(weight[1:])


def einsum(inputs: list[Any], outputs: list[Any]) -> int:
    """A contraction of two operands, as the batched product that it becomes; a mere outer product is none."""
    operands = [shape(value) for value in tensors_in_list(inputs[1])]
    equation = str(inputs[0].toIValue()).replace(" ", "")
    if len(operands) != 2 or "." in equation:
        return _by_fvcore(inputs, outputs)
    left, _, result = equation.partition("->")
    names = left.split(",")
    if "->" not in equation:
        result = "".join(sorted(letter for letter in set(left) - {","} if left.count(letter) == 1))
    shared = (set(names[0]) & set(names[1])) - set(result)
    return _sizes(names, operands, shared | set(result)) if shared else 0


def _sizes(names: list[str], operands: list[Shape], letters: set[str]) -> int:
    sizes: dict[str, int] = {}
    for name, operand in zip(names, operands, strict=True):
        for letter, size in zip(name, operand, strict=True):
            sizes[letter] = max(size, sizes.get(letter, 1))
    return prod(sizes[letter] for letter in letters)


def _by_fvcore(inputs: list[Any], outputs: list[Any]) -> int:
    from fvcore.nn.jit_handles import einsum_flop_jit

    return int(einsum_flop_jit(inputs, outputs))


def recurrent(inputs: list[Any], outputs: list[Any]) -> int:
    """RNN, LSTM or GRU over a sequence: every weight matrix meets every position once."""
    weights = next(found for found in map(_matrices, inputs) if found)
    return prod(shape(inputs[0])[:-1]) * sum(prod(weight) for weight in weights)


def _matrices(value: Any) -> tuple[Shape, ...]:
    return tuple(found for item in tensors_in_list(value) if len(found := shape(item)) == 2)


PRODUCTS: dict[str, Handle] = {
    **dict.fromkeys(
        ("aten::matmul", "aten::mm", "aten::mv", "aten::dot", "aten::vdot", "aten::inner"), matmul
    ),
    "aten::bmm": matmul,
    "aten::baddbmm": added_product,
    "aten::addbmm": added_product,
    "aten::addmv": added_vector,
    "aten::tensordot": tensordot,
    "aten::einsum": einsum,
    "aten::_convolution_mode": same_padding_convolution,
    **dict.fromkeys(
        ("aten::_grouped_mm", "aten::grouped_mm", "transformers::grouped_mm_fallback"),
        grouped,
    ),
    **dict.fromkeys(("aten::gru", "aten::lstm", "aten::rnn_tanh", "aten::rnn_relu"), recurrent),
}
