"""Each formula against a number worked out by hand. One multiply-add is 2 FLOPs."""

from __future__ import annotations

from typing import Any

import pytest

from attnprobe.errors import PluginError
from attnprobe.probes.counting.call import OpCall
from attnprobe.probes.counting.formulas import Flops, attention_formula, find_formula, formula, packet
from attnprobe.probes.counting.tally import op_flops
from tests.probes.hand_traces import Sketch


def flops(name: str, *shapes: Any, out: tuple[int, ...] = (), **keywords: Any) -> Flops:
    """FLOPs of one op; tuples among the arguments are tensors of that shape, lists are lists of tensors."""
    sketch = Sketch()

    def argument(value: Any) -> Any:
        if isinstance(value, tuple):
            return sketch.tensor(*value)
        return tuple(argument(item) for item in value) if isinstance(value, list) else value

    arguments = [argument(value) for value in shapes]
    outputs = [sketch.tensor(*out)] if out else []
    sketch.op(name, *arguments, out=outputs, **keywords)
    return op_flops(OpCall(sketch.ops[0], tuple(sketch.tensors)))


PLAIN = [
    ("aten.mm.default", [(3, 5), (5, 7)], (3, 7), 2 * 3 * 5 * 7),
    ("aten.addmm.default", [(7,), (3, 5), (5, 7)], (3, 7), 2 * 3 * 5 * 7),
    ("aten.bmm.default", [(2, 3, 5), (2, 5, 7)], (2, 3, 7), 2 * 2 * 3 * 5 * 7),
    ("aten.baddbmm.default", [(2, 3, 7), (2, 3, 5), (2, 5, 7)], (2, 3, 7), 2 * 2 * 3 * 5 * 7),
    ("aten.baddbmm_.default", [(2, 3, 7), (2, 3, 5), (2, 5, 7)], (2, 3, 7), 2 * 2 * 3 * 5 * 7),
    ("aten.addbmm.default", [(3, 7), (2, 3, 5), (2, 5, 7)], (3, 7), 2 * 2 * 3 * 5 * 7),
    ("aten.mv.default", [(3, 5), (5,)], (3,), 2 * 3 * 5),
    ("aten.addmv.default", [(3,), (3, 5), (5,)], (3,), 2 * 3 * 5),
    ("aten.dot.default", [(5,), (5,)], (), 2 * 5),
    ("aten.matmul.default", [(4, 1, 3, 5), (2, 5, 7)], (4, 2, 3, 7), 2 * 4 * 2 * 3 * 5 * 7),
    ("aten.linear.default", [(2, 3, 5), (7, 5), (7,)], (2, 3, 7), 2 * 2 * 3 * 5 * 7),
    ("aten._int_mm.default", [(3, 5), (5, 7)], (3, 7), 2 * 3 * 5 * 7),
    ("aten._scaled_mm.default", [(3, 5), (5, 7), (), ()], (3, 7), 2 * 3 * 5 * 7),
    # 10 tokens, each through one of 4 experts of 5 x 7
    ("aten._grouped_mm.default", [(10, 5), (4, 5, 7), (4,)], (10, 7), 2 * 10 * 5 * 7),
    # its gradient of the weights: the 10 tokens are what is summed over
    ("aten._grouped_mm.default", [(5, 10), (10, 7), (4,)], (4, 5, 7), 2 * 5 * 10 * 7),
    ("aten._grouped_mm.default", [(4, 3, 5), (4, 5, 7)], (4, 3, 7), 2 * 4 * 3 * 5 * 7),
]


@pytest.mark.parametrize(("name", "shapes", "out", "expected"), PLAIN)
def test_a_product_costs_two_flops_per_multiply_add(
    name: str, shapes: list[Any], out: tuple[int, ...], expected: int
) -> None:
    assert flops(name, *shapes, out=out) == Flops(plain=expected)


def test_a_convolution_meets_every_weight_at_every_output_position() -> None:
    # 2 images, 6 -> 8 channels, 3 x 3 kernel, 5 x 5 outputs
    found = flops(
        "aten.convolution.default", (2, 6, 5, 5), (8, 6, 3, 3), None, [1, 1], [1, 1], [1, 1], False, [0, 0],
        1, out=(2, 8, 5, 5),
    )  # fmt: skip
    assert found.total == 2 * 2 * 5 * 5 * 8 * 6 * 3 * 3


def test_groups_divide_a_convolution() -> None:
    # depthwise: 6 channels, each with its own 3 x 3 kernel
    found = flops(
        "aten.convolution.default", (2, 6, 5, 5), (6, 1, 3, 3), None, [1, 1], [1, 1], [1, 1], False, [0, 0],
        6, out=(2, 6, 5, 5),
    )  # fmt: skip
    assert found.total == 2 * 2 * 5 * 5 * 6 * 3 * 3


def test_a_transposed_convolution_meets_every_weight_at_every_input_position() -> None:
    # 1 image of 4 x 4 to 8 x 8 (stride 2), 6 -> 3 channels, 2 x 2 kernel
    found = flops(
        "aten.convolution.default", (1, 6, 4, 4), (6, 3, 2, 2), None, [2, 2], [0, 0], [1, 1], True, [0, 0], 1,
        out=(1, 3, 8, 8),
    )  # fmt: skip
    assert found.total == 2 * 4 * 4 * 6 * 3 * 2 * 2


@pytest.mark.parametrize(
    ("wanted", "times"), [((True, True, True), 2), ((False, True, True), 1), ((True, False, False), 1)]
)
def test_the_backward_of_a_convolution_costs_one_convolution_per_gradient(
    wanted: tuple[bool, ...], times: int
) -> None:
    sketch = Sketch()
    grad, given, weight = sketch.tensor(2, 8, 5, 5), sketch.tensor(2, 6, 5, 5), sketch.tensor(8, 6, 3, 3)
    sketch.op(
        "aten.convolution_backward.default", grad, given, weight, (8,), (1, 1), (1, 1), (1, 1), False, (0, 0),
        1, wanted,
    )  # fmt: skip
    found = op_flops(OpCall(sketch.ops[0], tuple(sketch.tensors)))
    assert found.total == times * 2 * 2 * 5 * 5 * 8 * 6 * 3 * 3


QUERY, KEY, VALUE = (2, 4, 16, 8), (2, 4, 24, 8), (2, 4, 24, 6)  # B H L D, B H S D, B H S D_v
PAIRS = 2 * 4 * 16 * 24


@pytest.mark.parametrize(
    "name",
    [
        "aten._scaled_dot_product_flash_attention_for_cpu.default",
        "aten._scaled_dot_product_flash_attention.default",
        "aten._scaled_dot_product_efficient_attention.default",
        "aten._scaled_dot_product_cudnn_attention.default",
        "aten._scaled_dot_product_fused_attention_overrideable.default",
        "aten.scaled_dot_product_attention.default",
        "flex_attention",
        "higher_order.flex_attention",
    ],
)
def test_fused_attention_costs_a_product_for_the_scores_and_one_for_the_values(name: str) -> None:
    assert flops(name, QUERY, KEY, VALUE) == Flops(scores=2 * PAIRS * 8, values=2 * PAIRS * 6)


def test_grouped_key_heads_do_not_lower_the_flops() -> None:
    grouped = flops("aten.scaled_dot_product_attention.default", (2, 8, 16, 4), (2, 2, 16, 4), (2, 2, 16, 4))
    assert grouped.total == 4 * 2 * 8 * 16 * 16 * 4


@pytest.mark.parametrize(
    "name",
    [
        "aten._scaled_dot_product_flash_attention_for_cpu_backward.default",
        "aten._scaled_dot_product_flash_attention_backward.default",
        "aten._scaled_dot_product_efficient_attention_backward.default",
        "aten._scaled_dot_product_cudnn_attention_backward.default",
    ],
)
def test_backward_of_fused_attention_costs_five_products(name: str) -> None:
    out = (2, 4, 16, 6)
    found = flops(name, out, QUERY, KEY, VALUE, out)
    # scores again, gradients of query and key; gradients of value and of the probabilities
    assert found == Flops(scores=3 * 2 * PAIRS * 8, values=2 * 2 * PAIRS * 6)


def test_flash_attention_has_tokens_before_heads() -> None:
    query, key = (1, 128, 4, 64), (1, 128, 4, 64)
    found = flops("aten._flash_attention_forward.default", query, key, key, None, None, 128, 128)
    assert found.total == 4 * 128 * 128 * 4 * 64 == 16_777_216


def test_packed_sequences_count_at_the_longest_length() -> None:
    # 3 sequences in 30 tokens, the longest of 12 queries and 10 keys
    tokens, starts = (30, 4, 8), (4,)
    found = flops(
        "flash_attn._flash_attn_varlen_forward.default", tokens, tokens, tokens, starts, starts, 12, 10
    )
    assert found.total == 4 * 3 * 4 * 12 * 10 * 8


def test_known_extension_ops_have_formulas() -> None:
    query = (2, 16, 4, 8)
    dense = 4 * 2 * 4 * 16 * 16 * 8
    assert flops("flash_attn._flash_attn_forward.default", query, query, query).total == dense
    assert flops("flash_attn._flash_attn_backward.default", query, query, query, query).total == 2.5 * dense
    assert flops("xformers_flash.flash_fwd.default", query, query, query, None).total == dense
    found = flops(
        "xformers_flash.flash_bwd.default", False, query, query, query, query, query, (), None, None
    )
    assert found.total == 2.5 * dense
    assert flops("xformers.efficient_attention_forward_cutlass.default", query, query, query).total == dense


def test_the_fast_path_of_multihead_attention_has_four_projections() -> None:
    found = flops("aten._native_multi_head_attention.default", (2, 16, 32), (2, 24, 32), (2, 24, 32), 32, 4)
    assert found.projections == 2 * 2 * 32 * 32 * (16 + 24 + 24 + 16)
    assert (found.scores, found.values) == (2 * 2 * 16 * 24 * 32, 2 * 2 * 16 * 24 * 32)


def test_the_fast_path_of_an_encoder_layer_has_a_feed_forward_too() -> None:
    width, hidden = 32, 128
    vectors = [(width,)] * 4
    found = flops(
        "aten._transformer_encoder_layer_fwd.default", (2, 16, width), width, 4, (3 * width, width), (3 *
        width,), (width, width), (width,), True, False, 1e-5, *vectors, (hidden, width), (hidden,), (width,
        hidden), (width,),
    )  # fmt: skip
    assert found.projections == 2 * 2 * 16 * 4 * width * width
    assert found.scores + found.values == 4 * 2 * 16 * 16 * width
    assert found.plain == 2 * 2 * 16 * 2 * width * hidden


def test_a_recurrent_layer_applies_every_weight_to_every_token() -> None:
    # GRU 5 -> 7, two directions: per direction 21 x 5 and 21 x 7 weights, 3 sequences of 11
    weights = [(21, 5), (21, 7), (21,), (21,)] * 2
    found = flops("aten.gru.input", (11, 3, 5), (2, 3, 7), weights, True, 1, 0.0, False, True, False)
    assert found.total == 2 * 33 * 2 * (21 * 5 + 21 * 7)
    packed = flops("aten.gru.data", (20, 5), (11,), (2, 3, 7), weights, True, 1, 0.0, False, True)
    assert packed.total == 2 * 20 * 2 * (21 * 5 + 21 * 7)


def test_the_backward_of_a_fused_lstm_costs_two_forwards() -> None:
    weights = [(28, 5), (28, 7), (28,), (28,)]
    forward = flops("aten.mkldnn_rnn_layer.default", (11, 3, 5), *weights, (3, 7), (3, 7))
    assert forward.total == 2 * 33 * (28 * 5 + 28 * 7)
    backward = flops("aten.mkldnn_rnn_layer_backward.default", (11, 3, 5), *weights, (3, 7), (3, 7))
    assert backward.total == 2 * forward.total


def test_bilinear_and_its_fused_form_agree() -> None:
    # 9 rows, x1 of 4, x2 of 5, 3 outputs: x1 with each weight (2·3·4·5), the rest with x2 (2·3·5)
    expected = 9 * (2 * 3 * 4 * 5 + 2 * 3 * 5)
    assert flops("aten.bilinear.default", (9, 4), (9, 5), (3, 4, 5)).total == expected
    sketch = Sketch()
    one, weight, other = sketch.tensor(9, 4), sketch.tensor(3, 4, 5), sketch.tensor(9, 5)
    sketch.op("aten._trilinear.default", one, weight, other, (1, 3), (0,), (1, 2), (2, 3), 1)
    assert op_flops(OpCall(sketch.ops[0], tuple(sketch.tensors))).total == expected


def test_distances_cost_three_operations_per_coordinate() -> None:
    assert (
        flops("aten._cdist_forward.default", (2, 9, 4), (2, 7, 4), 2.0, out=(2, 9, 7)).total
        == 3 * 2 * 9 * 7 * 4
    )


def test_a_fourier_transform_costs_five_n_log_n() -> None:
    sketch = Sketch()
    sketch.op("aten._fft_c2c.default", sketch.tensor(3, 8), (1,), 0, True, out=[sketch.tensor(3, 8)])
    assert op_flops(OpCall(sketch.ops[0], tuple(sketch.tensors))).total == 3 * 5 * 8 * 3


def test_an_op_without_a_formula_costs_nothing() -> None:
    assert flops("aten.add.Tensor", (3, 5), (3, 5), out=(3, 5)) == Flops()


def test_overloads_in_place_forms_and_namespaces_are_told_apart() -> None:
    assert packet("aten.addmm_.default") == "aten.addmm"
    assert packet("aten.__or__.Tensor") == "aten.__or__"
    assert packet("higher_order.flex_attention") == "flex_attention"
    assert find_formula("other.mm.default") is None


def test_two_formulas_for_one_op_are_an_error() -> None:
    with pytest.raises(PluginError, match=r"two FLOP formulas for the op 'aten\.mm'"):
        formula("aten.mm")(lambda call: 0)
    with pytest.raises(PluginError, match=r"aten\.bmm"):
        attention_formula("aten.bmm")(lambda call: Flops())
