"""Which attentions are written out by hand although one call of torch's fused attention computes the same."""

from __future__ import annotations

from attnprobe.probes.counting.op_classes import op_class
from attnprobe.probes.graph_reading.flow import Flow, short_name
from attnprobe.probes.graph_reading.results import Found, records, result
from attnprobe.probes.graph_reading.weights import UNFUSED, other_readers, probability_storages, softmax_ops
from attnprobe.records import AttentionSite, Core, Metric, Op, Probe, ProbeResult, Ref, Subject

_ROLES = ("self", "cross", "pooling")
_BEFORE = frozenset({"add", "sub", "masked_fill", "where", "mul", "div", "true_divide"})
_AFTER = frozenset({"native_dropout", "dropout", "bernoulli"})  # and, as parts of a dropout, mul and div
_CASTS = frozenset({"_to_copy", "clone", "contiguous", "to"})

METRICS = (
    Metric(
        name="sdpa_equivalent",
        title="Written out by hand, and the same as scaled_dot_product_attention",
        unit="1",
        level="site",
        exactness="exact",
        method="1 when scores and values are products of their own and between them there are only a scale, "
        "additive masks and fixed biases, masking with a constant, one softmax over the keys, dropout, casts "
        "and views, and when nothing else reads scores or weights; else 0. A learned bias, or one computed "
        "from the tokens, makes it 0: it needs a gradient, and the fused kernel then gives up.",
        source="torch.nn.functional.scaled_dot_product_attention, equivalent code in its documentation",
        not_said="How much faster the fused call is. Rows without any visible key differ: the fused call "
        "gives 0.",
        topic="structure",
    ),
)


def _run(subject: Subject) -> ProbeResult:
    trace = subject.trace
    flow = Flow(trace)
    values: dict[str, Found] = {}
    for site, core in zip(trace.sites, trace.cores, strict=True):
        values[site.id] = int(all(_is_equivalent(flow, site, part) for part in core.parts or (core,)))
    return result(records("sdpa_equivalent", values))


def _is_equivalent(flow: Flow, site: AttentionSite, core: Core) -> bool:
    if core.mechanism != "dot_product" or core.normaliser != "softmax" or core.kernel != UNFUSED:
        return False
    if site.role not in _ROLES or any(other_readers(flow, core)):
        return False
    if probability_storages(flow, core) & (flow.kept | flow.trace.output_storages):
        return False
    found = softmax_ops(flow, core)
    if len(found) != 1 or not _is_over_keys(flow, core, found[0]):
        return False
    return all(_is_plain(flow, core, flow.trace.ops[index], found[0]) for index in core.inner_ops)


def _is_over_keys(flow: Flow, core: Core, softmax: Op) -> bool:
    """Whether the softmax normalises the dim of the keys; where the dims could not be told, the last one."""
    rank = len(flow.tensor(softmax.inputs[0]).shape)
    dim = int(softmax.arguments[1]) % rank
    scores = core.operands.get("scores")
    if scores is None or len(scores.dims) != rank:
        return dim == rank - 1
    return {letter for letter, _ in scores.dims[dim]} == {"s"}


def _is_plain(flow: Flow, core: Core, op: Op, softmax: Op) -> bool:
    """Whether the fused call can do what an op between scores and values does."""
    name = short_name(op)
    if op is softmax or op_class(op.name) == "view" or name in _CASTS:
        return True
    if op.index > softmax.index:
        return name in _AFTER or (name in ("mul", "div") and core.dropout > 0)
    if name not in _BEFORE:
        return False
    if name in ("mul", "div", "true_divide"):
        return _is_scale(flow, op)
    return name not in ("add", "sub") or not _is_learned_sum(flow, op)


def _is_scale(flow: Flow, op: Op) -> bool:
    """A factor that is one number, not a tensor that weighs the scores one by one."""
    tensors = [argument.id for argument in op.arguments if isinstance(argument, Ref)]
    return len(tensors) == 1 or any(flow.tensor(number).numel == 1 for number in tensors)


def _is_learned_sum(flow: Flow, op: Op) -> bool:
    """Whether both addends come from weights: a bias that is learned or computed from the tokens."""
    return len(op.inputs) > 1 and all(flow.tensor(number).needs_weights for number in op.inputs)


probe = Probe(name="sdpa_equivalence", depth="static", metrics=METRICS, run=_run)
