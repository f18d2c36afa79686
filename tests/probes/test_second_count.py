"""fvcore as the second counter: right on fused ops, harmless to the model, plain about what it cannot see."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch
from sample_answers import NAMES, NEED_TRANSFORMERS, load_sample, read_answers
from torch import Tensor, nn
from torch.nn import functional as F

from attnprobe.probes.fvcore_handles.analysis import count_with_fvcore
from attnprobe.probes.fvcore_handles.differences import module_differences, unsupported_ops
from attnprobe.probes.fvcore_handles.values import shape
from attnprobe.probes.second_count import probe
from attnprobe.records import LoadedModel, ProbeResult, ScanOptions, Subject, Trace
from benchmarks.flops_truth.torch_layers import VARIANTS as TORCH_LAYERS
from benchmarks.flops_truth.truth import Variant


class Calls(nn.Module):
    """A model that is one function of its inputs."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__()
        self.function = function

    def forward(self, *tensors: Tensor) -> Any:
        return self.function(*tensors)


def loaded(module: nn.Module, *args: Any, **kwargs: Any) -> LoadedModel:
    return LoadedModel(module=module, args=args, kwargs=kwargs, target="m.py", entry="m.py:M()", inputs=())


def empty_trace() -> Trace:
    return Trace(
        ops=(),
        tensors=(),
        events=(),
        sites=(),
        cores=(),
        site_of_op={},
        blind_spots=(),
        module_classes={},
        parameters={},
        forward_end=0,
        loss_end=0,
        output_storages=frozenset(),
        is_fake=False,
        train=False,
        backward=False,
        seconds=0.0,
        length_dims={},
    )


def run(model: LoadedModel | None, ours: float | None) -> ProbeResult:
    subject = Subject(
        trace=empty_trace(),
        options=ScanOptions(target="m.py"),
        model=model,
        known={("flops_forward", ""): ours},
    )
    return probe.run(subject)


def counted(function: Callable[..., Any], *tensors: Tensor) -> int:
    return count_with_fvcore(loaded(Calls(function), *tensors)).total


@pytest.mark.parametrize("name", NAMES)
def test_count_of_every_sample_model_is_the_hand_derived_one(name: str) -> None:
    if name in NEED_TRANSFORMERS:
        pytest.importorskip("transformers")
    sample = load_sample(name)
    model = sample.build_model() if hasattr(sample, "build_model") else sample.SelfAttention()
    inputs = sample.example_inputs()
    if isinstance(inputs, dict):
        second = count_with_fvcore(loaded(model.eval(), **inputs))
    else:
        second = count_with_fvcore(
            loaded(model.eval(), *(inputs if isinstance(inputs, tuple) else (inputs,)))
        )
    assert second.total == read_answers(name).flops_forward


@pytest.mark.parametrize("variant", TORCH_LAYERS, ids=lambda variant: variant.name)
@pytest.mark.parametrize("fast_path", [True, False])
def test_layers_of_torch_count_the_same_with_and_without_their_fast_path(
    variant: Variant, fast_path: bool
) -> None:
    args, kwargs = variant.inputs()
    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(fast_path)
    try:
        second = count_with_fvcore(loaded(variant.build().train(variant.train), *args, **kwargs))
    finally:
        torch.backends.mha.set_fastpath_enabled(before)
    assert second.total == variant.flops


def test_encoder_layer_that_runs_as_one_op_has_attention_and_feed_forward() -> None:
    b, s, e, f = 3, 5, 16, 24
    weights = [torch.randn(3 * e, e), torch.randn(3 * e), torch.randn(e, e), torch.randn(e)]
    norms = [torch.ones(e), torch.zeros(e), torch.ones(e), torch.zeros(e)]
    feed_forward = [torch.randn(f, e), torch.randn(f), torch.randn(e, f), torch.randn(e)]

    def layer(src: Tensor) -> Tensor:
        op: Any = torch.ops.aten._transformer_encoder_layer_fwd
        result: Tensor = op(src, e, 2, *weights, True, False, 1e-5, *norms, *feed_forward)
        return result

    expected = 2 * b * s * (4 * e * e) + 2 * 2 * b * s * s * e + 2 * b * s * 2 * e * f
    assert counted(layer, torch.randn(b, s, e)) == expected


def test_fast_path_of_attention_runs_as_one_op_that_has_a_handle() -> None:
    layer = nn.TransformerEncoderLayer(16, 2, 24, batch_first=True).eval()
    second = count_with_fvcore(loaded(layer, torch.randn(3, 5, 16)))
    assert second.by_op["_native_multi_head_attention"] == 2 * 3 * 5 * 4 * 16 * 16 + 4 * 3 * 5 * 5 * 16


def test_matrix_is_multiplied_with_every_matrix_of_a_batch() -> None:
    assert counted(torch.matmul, torch.randn(3, 4), torch.randn(5, 4, 6)) == 2 * 5 * 3 * 4 * 6


def test_product_of_vectors_is_one_sum() -> None:
    assert counted(torch.matmul, torch.randn(7), torch.randn(7)) == 2 * 7


def test_added_batched_product_is_counted() -> None:
    sizes = torch.randn(1, 3, 4), torch.randn(5, 3, 2), torch.randn(5, 2, 4)
    assert counted(torch.baddbmm, *sizes) == 2 * 5 * 3 * 2 * 4


def test_einsum_contracts_the_letters_that_both_operands_share() -> None:
    sizes = torch.randn(2, 3, 5, 4), torch.randn(2, 3, 7, 4)
    assert counted(lambda q, k: torch.einsum("bhld,bhsd->bhls", q, k), *sizes) == 2 * 2 * 3 * 5 * 7 * 4


def test_einsum_without_an_arrow_is_counted_like_one_with_it() -> None:
    assert (
        counted(lambda a, b: torch.einsum("ij,jk", a, b), torch.randn(2, 3), torch.randn(3, 4))
        == 2 * 2 * 3 * 4
    )


def test_outer_product_by_einsum_is_elementwise_work() -> None:
    sizes = torch.randn(3, 4), torch.randn(3, 5)
    assert counted(lambda k, v: torch.einsum("sd,se->sde", k, v), *sizes) == 0


def test_einsum_of_three_operands_is_counted_along_the_cheapest_order() -> None:
    sizes = torch.randn(2, 50), torch.randn(50, 3), torch.randn(3, 4)
    # (ij,jk) first: 2·50·3 multiply-adds, then 2·3·4.
    assert counted(lambda a, b, c: torch.einsum("ij,jk,kl->il", a, b, c), *sizes) == 2 * (
        2 * 50 * 3 + 2 * 3 * 4
    )


def test_tensordot_contracts_all_named_dimensions() -> None:
    sizes = torch.randn(2, 3, 4), torch.randn(3, 4, 5)
    assert counted(lambda a, b: torch.tensordot(a, b, dims=2), *sizes) == 2 * 2 * 5 * (3 * 4)


def test_same_padding_keeps_every_position_of_a_convolution() -> None:
    conv = nn.Conv1d(4, 6, kernel_size=3, padding="same", groups=2)
    # 2 samples, 6 channels, 10 positions; a sum over 4/2 channels and 3 taps each.
    assert count_with_fvcore(loaded(conv, torch.randn(2, 4, 10))).total == 2 * 2 * 6 * 10 * 2 * 3


def test_lstm_with_a_projection_multiplies_every_weight_once_per_position() -> None:
    lstm = nn.LSTM(5, 8, num_layers=2, proj_size=3, bidirectional=True, batch_first=True)
    first = 32 * 5 + 32 * 3 + 3 * 8
    second = 32 * 6 + 32 * 3 + 3 * 8
    assert count_with_fvcore(loaded(lstm, torch.randn(2, 7, 5))).total == 2 * (2 * 7) * 2 * (first + second)


def test_grouped_product_is_counted_where_it_runs() -> None:
    offsets = torch.tensor([4, 16], dtype=torch.int32)
    sizes = torch.randn(16, 8), torch.randn(2, 8, 16)
    assert counted(lambda a, b: F.grouped_mm(a, b, offs=offsets), *sizes) == 2 * 16 * 8 * 16


def test_values_of_another_width_than_the_keys_are_counted_at_their_own_width() -> None:
    sizes = torch.randn(2, 4, 5, 8), torch.randn(2, 4, 7, 8), torch.randn(2, 4, 7, 6)
    assert counted(F.scaled_dot_product_attention, *sizes) == 2 * 2 * 4 * 5 * 7 * (8 + 6)


def test_norms_and_pooling_are_no_products() -> None:
    model = nn.Sequential(nn.BatchNorm2d(3), nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.LayerNorm(12)).eval()
    assert count_with_fvcore(loaded(model, torch.randn(2, 3, 8, 8))).total == 0


def test_inputs_nested_in_lists_and_keywords_are_handed_over() -> None:
    class Nested(nn.Module):
        def forward(self, pair: list[Tensor], *, scale: float, more: dict[str, Tensor]) -> dict[str, Tensor]:
            return {"out": pair[0] @ pair[1] * scale + more["bias"]}

    model = loaded(Nested(), [torch.randn(2, 3), torch.randn(3, 4)], scale=2.0, more={"bias": torch.randn(4)})
    assert count_with_fvcore(model).total == 2 * 2 * 3 * 4


def test_agreement_is_a_cross_check_without_a_difference() -> None:
    (check,) = run(loaded(nn.Linear(4, 6), torch.randn(5, 4)), ours=2 * 5 * 4 * 6).cross_checks
    assert check.counter.startswith("fvcore 0.1")
    assert (check.ours, check.theirs, check.difference) == (240, 240, 0)
    assert check.explanation == "The two agree."


class Hidden(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, x: Tensor) -> Tensor:
        return x @ x.T


class HasHidden(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = Hidden.apply(x)
        return result


def test_difference_is_explained_by_module_and_by_ops_without_a_handle() -> None:
    model = nn.Sequential(nn.Linear(4, 4), HasHidden())
    linear, hidden = 2 * 3 * 4 * 4, 2 * 3 * 3 * 4
    (check,) = run(loaded(model, torch.randn(3, 4)), ours=linear + hidden).cross_checks
    assert check.theirs == linear
    assert check.difference == pytest.approx(-hidden / (linear + hidden))
    assert "They differ by -42.86%." in check.explanation
    assert "prim::PythonOp.Hidden ×1" in check.explanation


def test_modules_that_differ_are_named_largest_first_and_apart_from_their_submodules() -> None:
    ours = {"": 100, "a": 60, "a.x": 50, "b": 40}
    theirs = {"": 71, "a": 31, "a.x": 25, "b": 40}
    assert module_differences(ours, theirs) == ("a.x: 50 here, 25 there", "a: 10 here, 6 there")


def test_long_lists_of_ops_are_cut_with_their_number() -> None:
    counts = {f"aten::op{index:02}": 1 for index in range(12)} | {"aten::softmax": 5}
    assert unsupported_ops(counts).startswith("aten::softmax ×5, aten::op00 ×1")
    assert unsupported_ops(counts).endswith("aten::op08 ×1 and 3 more")


def test_static_scan_says_why_there_is_no_second_count() -> None:
    (missing,) = run(None, ours=1.0).not_measured
    assert missing.metric == "flops_second_count"
    assert "static" in missing.reason


def test_model_that_raises_is_not_measured_and_keeps_no_hook() -> None:
    class Raises(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.part = nn.Linear(2, 2)

        def forward(self, x: Tensor) -> Tensor:
            raise ValueError("not today" + str(self.part(x).shape))

    model = Raises()
    (missing,) = run(loaded(model, torch.randn(1, 2)), ours=8.0).not_measured
    assert "ValueError" not in missing.reason
    assert "not today" in missing.reason
    assert [len(m._forward_hooks) + len(m._forward_pre_hooks) for m in model.modules()] == [0, 0]


def test_model_randomness_and_warnings_are_as_before() -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Dropout(0.5)).train()
    model[1].eval()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    inputs = torch.randn(3, 4)
    random, filters = torch.get_rng_state(), list(warnings.filters)
    assert run(loaded(model, inputs), ours=96.0).cross_checks
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert [part.training for part in model] == [True, False, True]
    assert [parameter.grad for parameter in model.parameters()] == [None] * 4
    assert torch.equal(torch.get_rng_state(), random)
    assert warnings.filters == filters


def test_tracing_warnings_of_the_model_stay_inside() -> None:
    """A Python branch on a tensor makes the tracer warn; here every warning is an error."""
    assert counted(lambda x: x @ x.T if bool(x.sum() > -1e9) else x, torch.randn(2, 3)) == 2 * 2 * 3 * 2


def test_shape_that_the_trace_does_not_know_is_an_error() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        graph = torch.jit.script(add_one).graph
    with pytest.raises(ValueError, match="is not known"):
        shape(next(graph.inputs()))


def add_one(x: Tensor) -> Tensor:
    return x + 1
