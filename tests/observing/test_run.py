"""The instrumented run against gradients and maps taken by hand."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, ClassVar

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from attnprobe.borrowing import borrowed
from attnprobe.observing.calls import AttentionCall, Gradients, RowBlock
from attnprobe.observing.run import Observed, observe
from attnprobe.observing.watcher import Watcher
from attnprobe.records import LoadedModel, Operand, ScanOptions, Trace
from attnprobe.tracing.tracing import trace

B, S, E, H = 2, 6, 8, 2
OPTIONS = ScanOptions(target="model")


class Attention(nn.Module):
    """Grouped queries or not, fused or by hand; keeps its tensors to compare with."""

    def __init__(self, *, fused: bool, kv_heads: int = H, per_head: bool = False) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.fused, self.kv_heads, self.per_head = fused, kv_heads, per_head
        self.q = nn.Linear(E, E)
        self.k = nn.Linear(E, E // H * kv_heads)
        self.v = nn.Linear(E, E // H * kv_heads)
        self.o = nn.Linear(E, E)

    def forward(self, x: Tensor) -> Tensor:
        def heads(made: Tensor, count: int) -> Tensor:
            return made.view(len(x), -1, count, E // H).transpose(1, 2)

        query, key, value = (
            heads(self.q(x), H),
            heads(self.k(x), self.kv_heads),
            heads(self.v(x), self.kv_heads),
        )
        if self.per_head:
            outputs = [one(query[:, h], key[:, h], value[:, h]) for h in range(H)]
            return self.o(torch.cat(outputs, -1))
        key, value = (t.repeat_interleave(H // self.kv_heads, 1) for t in (key, value))
        if self.fused:
            mixed = F.scaled_dot_product_attention(query, key, value, is_causal=True)
        else:
            mixed = by_hand(query, key, value)
        return self.o(mixed.transpose(1, 2).reshape(x.shape))


def one(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    return torch.softmax(query @ key.mT / (E // H) ** 0.5, -1) @ value


def by_hand(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    hidden = torch.ones(query.shape[2], key.shape[2], dtype=torch.bool).triu(1)
    scores = (query @ key.mT / (E // H) ** 0.5).masked_fill(hidden, -torch.inf)
    return torch.softmax(scores, -1) @ value


class Recorder(Watcher):
    wants: ClassVar[frozenset[str]] = frozenset({"rows", "gradients", "directions"})

    def attention(self, call: AttentionCall) -> None:
        self.sums.add(call.index, "calls", 1)
        if call.output is not None:
            self.sums.add(call.index, "activity", call.output.double().square().sum((0, 2, 3)))

    def rows(self, call: AttentionCall, block: RowBlock) -> None:
        self.sums.add(call.index, "mass", block.probabilities.double().sum((0, 2, 3)))

    def gradients(self, call: AttentionCall, gradients: Gradients) -> None:
        for name in ("query", "key", "value", "output"):
            found = getattr(gradients, name)
            assert found is not None
            self.sums.add(call.index, name, found.double().square().sum((0, 2, 3)))

    def direction(self, call: AttentionCall, gradient: Tensor, number: int) -> None:
        self.sums.add(call.index, "directions", gradient.double().square().sum((0, 2, 3)))
        self.sums.add(call.index, "count", 1)


def loaded(module: nn.Module, *batches: tuple[Any, ...]) -> LoadedModel:
    first, *rest = batches
    return LoadedModel(
        module=module,
        args=first,
        kwargs={},
        target="",
        entry="",
        inputs=(),
        loss=_loss,
        batches=tuple((args, {}) for args in rest),
    )


def _loss(outputs: Tensor, inputs: Any) -> Tensor:
    return outputs.square().sum()


def run(
    module: nn.Module,
    *batches: tuple[Any, ...],
    makers: dict[str, Callable[[], Watcher]] | None = None,
    change: Callable[[Trace], Trace] = lambda found: found,
) -> Observed:
    model = loaded(module, *batches)
    known = change(trace(replace(model, is_fake=True), train=False, backward=True))

    def retrace(given: LoadedModel, for_real: bool) -> Trace:
        return trace(replace(given, is_fake=not for_real), train=False, backward=False)

    with borrowed(module, train=False):
        return observe(model, known, makers or {"recorder": Recorder}, OPTIONS, retrace)


def expected_gradients(module: Attention, x: Tensor) -> dict[str, Tensor]:
    """Sums of squares per head, by the chain rule through a copy that keeps its activations."""

    def heads(made: Tensor, count: int) -> Tensor:
        return made.view(B, S, count, E // H).transpose(1, 2)

    kept = {
        "query": heads(module.q(x), H),
        "key": heads(module.k(x), module.kv_heads),
        "value": heads(module.v(x), module.kv_heads),
    }
    key, value = (kept[n].repeat_interleave(H // module.kv_heads, 1) for n in ("key", "value"))
    kept["output"] = by_hand(kept["query"], key, value)
    outputs = module.o(kept["output"].transpose(1, 2).reshape(x.shape))
    found = torch.autograd.grad(_loss(outputs, None), list(kept.values()))
    return {n: g.double().square().sum((0, 2, 3)) for n, g in zip(kept, found, strict=True)}


@pytest.mark.parametrize("kv_heads", [2, 1])
@pytest.mark.parametrize("fused", [True, False])
def test_gradients_of_queries_keys_values_and_outputs_are_those_of_the_chain_rule(
    fused: bool, kv_heads: int
) -> None:
    module, x = Attention(fused=fused, kv_heads=kv_heads), torch.randn(B, S, E)
    sums = run(module, (x,)).watchers["recorder"].sums
    for name, expected in expected_gradients(module, x).items():
        assert torch.allclose(sums.get(0, name), expected, rtol=1e-4), name


@pytest.mark.parametrize("fused", [True, False])
def test_rows_of_every_head_add_up_to_one(fused: bool) -> None:
    sums = run(Attention(fused=fused), (torch.randn(B, S, E),)).watchers["recorder"].sums
    assert torch.allclose(sums.get(0, "mass"), torch.full((H,), float(B * S), dtype=torch.float64))


def test_heads_computed_one_after_another_are_one_attention() -> None:
    module = Attention(fused=False, per_head=True)
    sums = run(module, (torch.randn(B, S, E),)).watchers["recorder"].sums
    assert sums.get(0, "calls") == 1
    assert sums.get(0, "query").shape == (H,)


def test_two_batches_add_up() -> None:
    module = Attention(fused=True)
    one, two = torch.randn(B, S, E), torch.randn(B, S, E)
    both = run(module, (one,), (two,)).watchers["recorder"].sums
    apart = [run(module, (x,)).watchers["recorder"].sums for x in (one, two)]
    for name in ("activity", "query", "mass"):
        assert torch.allclose(both.get(0, name), sum(sums.get(0, name) for sums in apart)), name


def test_a_batch_of_another_length_is_traced_anew() -> None:
    module = Attention(fused=True)
    seen = run(module, (torch.randn(B, S, E),), (torch.randn(3, 2 * S, E),))
    assert seen.batches == 2
    assert torch.allclose(
        seen.watchers["recorder"].sums.get(0, "mass"),
        torch.full((H,), float(B * S + 3 * 2 * S), dtype=torch.float64),
    )


class Fickle(nn.Module):
    """Takes another path when its input is negative on the whole."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = Attention(fused=True)

    def forward(self, x: Tensor) -> Tensor:
        if x.sum() < 0:
            x = x * 2 + 1
        return self.attention(x)


def test_a_batch_on_another_path_is_traced_for_real() -> None:
    up, down = torch.rand(B, S, E), -torch.rand(B, S, E)
    model = loaded(Fickle(), (up,), (down,))
    known = trace(model, train=False, backward=True)
    real = []

    def retrace(given: LoadedModel, for_real: bool) -> Trace:
        real.append(for_real)
        return trace(given, train=False, backward=False)

    with borrowed(model.module, train=False):
        seen = observe(model, known, {"recorder": Recorder}, OPTIONS, retrace)
    assert real == [True]
    assert seen.watchers["recorder"].sums.get(0, "calls") == 2


class Broken(Watcher):
    def attention(self, call: AttentionCall) -> None:
        raise ZeroDivisionError("as planned")


def test_a_watcher_that_raises_is_left_out_and_the_others_go_on() -> None:
    x = torch.randn(B, S, E)
    makers: dict[str, Callable[[], Watcher]] = {"broken": Broken, "recorder": Recorder}
    seen = run(Attention(fused=True), (x,), (x,), makers=makers)
    assert isinstance(seen.failures["broken"], ZeroDivisionError)
    assert seen.watchers["recorder"].sums.get(0, "calls") == 2


def test_a_head_that_reaches_no_output_has_no_gradient_in_any_direction() -> None:
    module = Attention(fused=True)
    with torch.no_grad():
        module.o.weight[:, : E // H] = 0
    sums = run(module, (torch.randn(B, S, E),)).watchers["recorder"].sums
    dead, live = sums.get(0, "directions").tolist()
    assert dead == 0.0
    assert live > 0.0


def _samples_and_heads_exchanged(found: Trace) -> Trace:
    """Heads and samples of the query taken for one another, as by a wrong reading of its layout."""
    core = found.cores[0]
    query = core.operands["query"]
    swapped = Operand(query.tensor, ((("h", H),), (("n", B),), *query.dims[2:]))
    return replace(found, cores=(replace(core, operands={**core.operands, "query": swapped}),))


def test_a_layout_read_wrongly_is_noticed_and_gives_no_numbers() -> None:
    seen = run(Attention(fused=True), (torch.randn(B, S, E),), change=_samples_and_heads_exchanged)
    assert "does not give the model's output" in seen.missing[0]
    assert seen.watchers["recorder"].sums.get(0, "mass") is None


class QueriesNormalised(nn.Module):
    """A softmax over the queries: its rows are no distribution over the keys."""

    def __init__(self) -> None:
        super().__init__()
        self.q, self.k, self.v = (nn.Linear(E, E) for _ in range(3))

    def forward(self, x: Tensor) -> Tensor:
        return torch.softmax(self.q(x) @ self.k(x).mT, -2) @ self.v(x)


def test_a_softmax_over_queries_is_not_taken_for_one_over_keys() -> None:
    kinds: list[bool] = []

    class Kind(Watcher):
        def attention(self, call: AttentionCall) -> None:
            assert call.map is not None
            kinds.append(call.map.is_softmax)

    run(QueriesNormalised(), (torch.randn(B, S, E),), makers={"kind": Kind})
    assert kinds == [False]


class Checkpointed(nn.Module):
    def __init__(self, *, reentrant: bool) -> None:
        super().__init__()
        self.reentrant = reentrant
        self.inward, self.attention = nn.Linear(E, E), Attention(fused=True)

    def forward(self, x: Tensor) -> Tensor:
        from torch.utils.checkpoint import checkpoint

        return checkpoint(self.attention, self.inward(x), use_reentrant=self.reentrant)


def test_checkpoints_that_recompute_in_the_graph_have_gradients_and_directions() -> None:
    sums = run(Checkpointed(reentrant=False), (torch.randn(B, S, E),)).watchers["recorder"].sums
    assert sums.get(0, "query") is not None
    assert sums.get(0, "count") == 5.0


def test_reentrant_checkpoints_leave_gradients_out_and_the_run_goes_on() -> None:
    seen = run(Checkpointed(reentrant=True), (torch.randn(B, S, E),))
    sums = seen.watchers["recorder"].sums
    assert sums.get(0, "mass") is not None
    assert sums.get(0, "directions") is None
    assert sums.get(0, "query") is None


class Reaching(Recorder):
    wants: ClassVar[frozenset[str]] = frozenset({"directions", "reach", "streams"})

    def reach(self, call: AttentionCall, gradient: Tensor, position: Tensor) -> None:
        self.sums.add(call.index, "reached", 1)


class Layer(nn.Module):
    """An attention with a residual, so that there is a stream to start from."""

    def __init__(self) -> None:
        super().__init__()
        self.inward, self.norm, self.attention = nn.Linear(E, E), nn.LayerNorm(E), Attention(fused=True)

    def forward(self, x: Tensor) -> Tensor:
        x = self.inward(x)
        return x + self.attention(self.norm(x))


def test_where_one_direction_must_do_it_is_the_one_of_reach() -> None:
    makers: dict[str, Callable[[], Watcher]] = {"recorder": Reaching}
    sums = run(Layer(), (torch.randn(2, 1024, E),), makers=makers).watchers["recorder"].sums
    assert sums.get(0, "reached") == 1.0
    assert sums.get(0, "count") == 1.0


def test_short_batches_have_directions_beside_reach() -> None:
    makers: dict[str, Callable[[], Watcher]] = {"recorder": Reaching}
    sums = run(Layer(), (torch.randn(B, S, E),), makers=makers).watchers["recorder"].sums
    assert sums.get(0, "reached") == 1.0
    assert sums.get(0, "count") == 5.0
