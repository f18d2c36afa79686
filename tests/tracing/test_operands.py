"""Where each core's tensors lie in memory: checked by computing with them what the model computed."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import test_structures as written
import torch
import torch.nn.functional as F
from recomputed import checked
from sample_answers import NAMES, NEED_TRANSFORMERS, load_sample
from test_structures import B, D, E, H, Projected, S, X
from torch import Tensor, nn
from tracing_of import loaded, trace_of

from attnprobe.records import Core

NOT_NORMAL = ("softmax_over_queries", "mask_after_softmax")  # the planted faults of these names


def dims(core: Core) -> dict[str, tuple[tuple[tuple[str, int], ...], ...]]:
    return {role: operand.dims for role, operand in core.operands.items()}


def only_core(core: Callable[[Tensor, Tensor, Tensor], Tensor], kv_heads: int = H) -> Core:
    cores = trace_of(Projected(core, kv_heads), X).cores
    assert len(cores) == 1
    return cores[0]


def only_checks(module: nn.Module, *inputs: Tensor) -> set[str]:
    done = checked(loaded(module, *inputs, is_fake=False))
    assert len(done) == 1
    return next(iter(done.values()))


@pytest.mark.parametrize("name", NAMES)
def test_operands_of_a_sample_model_give_what_it_computes(name: str) -> None:
    if name in NEED_TRANSFORMERS:
        pytest.importorskip("transformers")
    sample = load_sample(name)
    model = sample.build_model() if hasattr(sample, "build_model") else sample.SelfAttention()
    given = sample.example_inputs()
    args, kwargs = ((), given) if isinstance(given, dict) else (given, {})
    args = args if isinstance(args, tuple) else (args,)
    done = checked(loaded(model.eval(), *args, is_fake=False, **kwargs), not_normal=NOT_NORMAL)
    gates = [site for site, names in done.items() if not names]
    assert gates == ([] if name != "cnn_attention" else list(done))


@pytest.mark.parametrize("core", written.PRODUCTS)
def test_products_scores_and_weights_of_every_writing_fit_together(core: Callable[..., Tensor]) -> None:
    assert only_checks(Projected(core), X) == {"product", "softmax", "rows", "weights"}


@pytest.mark.parametrize("core", [written.fused, written.enable_gqa, written.repeated_before_sdpa])
def test_queries_keys_and_values_of_a_kernel_give_its_output(core: Callable[..., Tensor]) -> None:
    assert only_checks(Projected(core, kv_heads=H if core is written.fused else 2), X) == {"fused"}


@pytest.mark.parametrize(
    "core", [written.repeated, written.expanded, written.grouped_broadcast, written.folded]
)
def test_grouped_keys_meet_the_queries_that_share_them(core: Callable[..., Tensor]) -> None:
    assert only_checks(Projected(core, kv_heads=2), X) == {"product", "softmax", "rows", "weights"}


@pytest.mark.parametrize("core", [written.linear, written.linear_causal])
def test_linear_attention_is_told_from_its_queries_keys_and_values(core: Callable[..., Tensor]) -> None:
    assert set(only_core(core).operands) == {"query", "key", "value", "output"}


@pytest.mark.parametrize(("core", "normaliser"), written.NORMALISERS)
def test_weights_without_a_softmax_give_the_output(core: Callable[..., Tensor], normaliser: str) -> None:
    expected = {"weights"} if normaliser == "none" else {"weights", "product"}
    assert only_checks(Projected(core), X) == expected


def test_heads_folded_into_the_batch_lie_inside_of_the_samples() -> None:
    found = dims(only_core(written.bmm))
    samples, queries, keys, width = (("n", B), ("h", H)), (("l", S),), (("s", S),), (("d", D),)
    assert found == {
        "query": (samples, queries, width),
        "key": (samples, width, keys),
        "value": (samples, keys, width),
        "weights": (samples, queries, keys),
        "scores": (samples, queries, keys),
        "output": (samples, queries, width),
    }


def test_scores_of_keys_times_queries_are_transposed_before_the_softmax() -> None:
    found = dims(only_core(written.keys_first))
    assert found["query"][1:] == ((("d", D),), (("l", S),))
    assert found["scores"][2:] == ((("l", S),), (("s", S),))


def test_copies_of_a_head_lie_inside_of_it_when_interleaved_and_outside_when_tiled() -> None:
    def tiled(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        return written.matmul(q, k.repeat(1, 2, 1, 1), v.repeat(1, 2, 1, 1))

    assert dims(only_core(written.repeated, 2))["key"][0] == (("n", B), ("h", 2), ("r", 2))
    assert dims(only_core(tiled, 2))["key"][0] == (("n", B), ("r", 2), ("h", 2))


def test_heads_folded_into_the_queries_lie_outside_of_the_positions() -> None:
    found = dims(only_core(written.folded, 2))
    assert found["query"] == ((("n", B), ("h", 2)), (("h", 2), ("l", S)), (("d", D),))
    assert found["key"][0] == (("n", B), ("h", 2))


def test_the_dims_of_one_query_have_no_factors() -> None:
    class Decoding(Projected):
        def forward(self, x: Tensor) -> Tensor:
            q = self.q_proj(x[:, -1:]).view(B, 1, H, D).transpose(1, 2)
            k, v = (p(x).view(B, S, H, D).transpose(1, 2) for p in (self.k_proj, self.v_proj))
            return self.o_proj(written.matmul(q, k, v).transpose(1, 2).reshape(B, 1, E))

    core = trace_of(Decoding(written.matmul), X).cores[0]
    assert dims(core)["query"] == ((("n", B), ("h", H)), (), (("d", D),))
    assert dims(core)["weights"] == ((("n", B), ("h", H)), (), (("s", S),))
    assert only_checks(Decoding(written.matmul), X) == {"product", "softmax", "rows", "weights"}


def test_windows_are_told_from_samples() -> None:
    class Windows(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.qkv = nn.Linear(E, 3 * E)

        def forward(self, x: Tensor) -> Tensor:  # [B, S, E]: windows of 4
            q, k, v = self.qkv(x.view(B * 4, 4, E)).view(B * 4, 4, 3, H, D).permute(2, 0, 3, 1, 4)
            return written.matmul(q, k, v)

    core = trace_of(Windows(), X).cores[0]
    assert (core.batch, core.windows, core.q_len) == (8, 4, 4)
    assert dims(core)["query"][0] == (("n", B), ("w", 4), ("h", H))
    assert only_checks(Windows(), X) == {"product", "softmax", "rows", "weights"}


def test_learned_queries_are_the_same_for_every_sample() -> None:
    class Pooling(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.query = nn.Parameter(torch.randn(1, 3, E))
            self.attention = nn.MultiheadAttention(E, H, batch_first=True)

        def forward(self, x: Tensor) -> Tensor:
            return self.attention(self.query.expand(B, -1, -1), x, x, need_weights=False)[0]

    core = trace_of(Pooling(), X).cores[0]
    assert dims(core)["query"] == ((("n", B),), (("h", H),), (("l", 3),), (("d", D),))
    assert only_checks(Pooling(), X) == {"fused"}


@pytest.mark.parametrize("need_weights", [True, False])
def test_the_layer_of_torch_is_told_with_and_without_its_weights(need_weights: bool) -> None:
    class Layer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.attention = nn.MultiheadAttention(E, H, batch_first=True)

        def forward(self, x: Tensor) -> Tensor:
            return self.attention(x, x, x, need_weights=need_weights)[0]

    expected = {"product", "softmax", "rows", "weights"} if need_weights else {"fused"}
    assert only_checks(Layer(), X) == expected


def test_a_bias_added_in_the_product_belongs_to_the_scores() -> None:
    bias = torch.randn(S, S, generator=torch.Generator().manual_seed(1))

    def biased(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        q, k, v = (t.reshape(B * H, -1, D) for t in (q, k, v))
        scores = torch.baddbmm(bias.expand(B * H, S, S), q, k.transpose(1, 2), alpha=D**-0.5)
        return torch.bmm(scores.softmax(-1), v).view(B, H, -1, D)

    assert only_checks(Projected(biased), X) == {"product", "softmax", "rows", "weights"}


def test_scores_are_what_a_softmax_over_the_keys_reads() -> None:
    def over_queries(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        return (q @ k.mT * D**-0.5).softmax(-2) @ v

    assert "scores" in only_core(written.matmul).operands
    assert "scores" not in only_core(over_queries).operands


def test_operands_whose_axes_are_mixed_are_left_out() -> None:
    def mixed(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        weights = (q @ k.mT).softmax(-1).view(B, H, 9, 25)
        return weights.view(B, H, 15, 15) @ v

    class Shorter(Projected):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x[:, :15])

    found = trace_of(Shorter(mixed), X).cores[0].operands
    assert set(found) & {"weights", "output"} == set()


def test_heads_computed_one_after_another_have_operands_each() -> None:
    core = only_core(written.loop_over_heads)
    assert core.operands == {}
    assert [dims(part)["query"] for part in core.parts] == [((("n", B),), (("l", S),), (("d", D),))] * H


def test_every_operand_passes_by_an_op_of_its_core() -> None:
    trace = trace_of(Projected(written.by_hand), X)
    core = trace.cores[0]
    own = [trace.ops[i] for i in (*core.score_ops, *core.inner_ops, *core.value_ops)]
    passing = {tensor for op in own for tensor in (*op.inputs, *op.outputs)}
    assert {operand.tensor for operand in core.operands.values()} <= passing


def test_channel_attention_attends_from_feature_to_feature() -> None:
    def covariance(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        return (F.softmax(q.mT @ k, -1) @ v.mT).mT

    assert dims(only_core(covariance))["query"] == ((("n", B), ("h", H)), (("l", D),), (("d", S),))
    assert only_checks(Projected(covariance), X) == {"softmax", "rows", "weights"}
