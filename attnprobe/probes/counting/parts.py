"""Which part of the model an op belongs to: attention, feed_forward, convolution or other.

A feed-forward layer is a product with a weight, an activation, and a product with another weight, with
nothing but elementwise work (gates, dropout), moves and views between. A normalisation, a softmax or
another product ends the search. Products of attention sites never count as feed-forward, nor do those of
recurrent layers, whose weights meet again what they made.
"""

from __future__ import annotations

from collections.abc import Mapping

from attnprobe.probes.counting.call import OpCall, calls
from attnprobe.probes.counting.formulas import is_convolution
from attnprobe.probes.counting.op_classes import is_activation, op_class
from attnprobe.probes.counting.tally import origin
from attnprobe.records import CostShare, Trace

PARTS = ("attention", "feed_forward", "convolution", "other")
_PASSED = frozenset({"elementwise", "copy", "view"})


def parts_of_ops(trace: Trace) -> tuple[str, ...]:
    """The part of every op; a backward op belongs where the op of the forward does."""
    feed_forward = _feed_forward_ops(trace)
    forward = [_part(call, trace, feed_forward) for call in calls(trace)]
    return tuple(forward[origin(op)] for op in trace.ops)


def cost_shares(metric: str, values: Mapping[str, float]) -> tuple[CostShare, ...]:
    """One share for every part that costs anything."""
    total = sum(values.values())
    if not total:
        return ()
    return tuple(
        CostShare(part=part, metric=metric, value=values.get(part, 0), share=values.get(part, 0) / total)
        for part in PARTS
        if values.get(part)
    )


def _part(call: OpCall, trace: Trace, feed_forward: frozenset[int]) -> str:
    index = call.op.index
    if index in trace.site_of_op:
        return "attention"
    if is_convolution(call.op.name):
        return "convolution"
    return "feed_forward" if index in feed_forward else "other"


def _feed_forward_ops(trace: Trace) -> frozenset[int]:
    """Every op of every feed-forward layer: its two or three products and what lies between."""
    walk = _Walk(trace)
    found: set[int] = set()
    for call in calls(trace)[: trace.forward_end]:
        if call.op.phase == "forward":
            found |= walk.see(call)
    return frozenset(found)


class _Walk:
    """Follows the ops of the forward in order and recognises the last product of each feed-forward layer."""

    def __init__(self, trace: Trace) -> None:
        self._trace = trace
        self._producer: dict[int, int] = {}  # tensor id -> the op that made or last changed it
        self._sources: dict[int, tuple[int, ...]] = {}  # op -> the ops that made what it reads
        self._activated: set[int] = set()  # ops behind an activation, with only passed ops between
        self._products: dict[
            int, frozenset[int]
        ] = {}  # products outside attention -> storages of their weights
        self._recurrent: set[int] = set()  # weights that meet again what they made: of a recurrent layer
        self._weights = {t.storage for t in trace.tensors if t.origin.startswith("parameter:")}

    def see(self, call: OpCall) -> set[int]:
        """Take one more op in; the ops of the feed-forward layer that it ends, if it ends one."""
        op, kind = call.op, op_class(call.op.name)
        sources = tuple(self._producer[index] for index in op.inputs if index in self._producer)
        self._sources[op.index] = sources
        self._producer.update(dict.fromkeys((*op.outputs, *op.writes), op.index))
        if kind in ("view", "copy") and op.inputs and all(t.storage in self._weights for t in call.inputs):
            self._weights.update(t.storage for t in call.outputs)  # a transposed or cast weight
        is_activated = is_activation(op.name) or any(source in self._activated for source in sources)
        if kind in _PASSED or is_activation(op.name):
            if is_activated:
                self._activated.add(op.index)
            return set()
        return self._ended_layer(call, is_activated) if kind == "contraction" else set()

    def _ended_layer(self, call: OpCall, is_activated: bool) -> set[int]:
        index = call.op.index
        weights = frozenset(tensor.storage for tensor in call.inputs) & self._weights
        if not weights or index in self._trace.site_of_op or is_convolution(call.op.name):
            return set()
        self._products[index] = weights
        layer = self._back_from(index) if is_activated else set()
        before = layer & self._products.keys()
        if any(weights & self._products[product] for product in before):
            self._recurrent |= weights
        if any(self._products[product] & self._recurrent for product in {index} | before):
            return set()
        return layer | {index} if before else set()

    def _back_from(self, index: int) -> set[int]:
        """The ops between a product and the products with weights before it, those included.

        Empty when another kind of product (a scan, a convolution, attention) flows in: no feed-forward layer.
        """
        found: set[int] = set()
        pending = list(self._sources[index])
        while pending:
            source = pending.pop()
            if source in found:
                continue
            name = self._trace.ops[source].name
            if source in self._products:
                found.add(source)
            elif op_class(name) in _PASSED or is_activation(name):
                found.add(source)
                pending += self._sources[source]
            elif op_class(name) == "contraction":
                return set()
        return found
