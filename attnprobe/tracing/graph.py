"""The op graph: which op's result enters which other op."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import networkx as nx

from attnprobe.records import Op, Tensor


def op_graph(ops: Sequence[Op], tensors: Sequence[Tensor]) -> Any:
    """A directed graph over the forward ops; a node carries its `Op`, an edge the tensor that flows along it.

    Writing into a tensor in place counts as producing every tensor on the same storage from there on.
    """
    graph = nx.DiGraph()
    made_by: dict[int, int] = {}  # tensor -> op
    written: dict[int, list[int]] = {}  # storage -> ops that wrote into it in place
    for op in ops:
        if op.phase != "forward":
            continue
        graph.add_node(op.index, op=op)
        for tensor in op.inputs:
            maker = made_by.get(tensor)
            if maker is not None and maker != op.index:
                graph.add_edge(maker, op.index, tensor=tensor)
            for writer in written.get(tensors[tensor].storage, ()):
                if writer != op.index and (maker is None or writer > maker):
                    graph.add_edge(writer, op.index, tensor=tensor)
        for tensor in op.outputs:
            made_by[tensor] = op.index
        for tensor in op.writes:
            made_by[tensor] = op.index
            written.setdefault(tensors[tensor].storage, []).append(op.index)
    return graph
