"""Time of the backward pass of one module: that of the autograd nodes which its forward made.

Hooks on modules see backward only where inputs are positional, and tensor hooks fire late for an input that
has other users. Nodes have neither problem: each runs once, between its own hooks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from attnprobe.probes.measuring.timers import Timer


class NodeTimer:
    """Collects the nodes of modules during the forward, and the time they take in the backward."""

    def __init__(self, timer: Timer, tensors: Callable[[Any], Iterator[Any]]) -> None:
        self._timer = timer
        self._tensors = tensors
        self._marks: dict[
            tuple[str, int], list[tuple[Any, Any]]
        ] = {}  # (module, call) -> (start, end) per node
        self._calls: dict[str, int] = {}

    def entered(self, name: str, inputs: Any) -> int:
        """Before the module's forward: the sequence number of the next autograd node."""
        import torch

        return int(torch.autograd._get_sequence_nr())  # type: ignore[attr-defined]

    def left(self, name: str, first: int, outputs: Any) -> None:
        """After it: hooks on every node that it made."""
        call = self._calls.get(name, 0)
        self._calls[name] = call + 1
        marks = self._marks.setdefault((name, call), [])
        for node in _nodes(self._tensors(outputs), first):
            self._watch(node, marks)

    def _watch(self, node: Any, marks: list[tuple[Any, Any]]) -> None:
        started: list[Any] = []
        node.register_prehook(lambda _: started.append(self._timer.mark()))
        node.register_hook(lambda *_: marks.append((started.pop(), self._timer.mark())))

    def take(self) -> dict[tuple[str, int], float]:
        """Milliseconds by (module, call) since the last `take`; modules without nodes are left out."""
        found = {
            key: sum(self._timer.milliseconds(start, end) for start, end in marks)
            for key, marks in self._marks.items()
            if marks
        }
        self._marks.clear()
        self._calls.clear()
        return found


def _nodes(tensors: Iterator[Any], first: int) -> Iterator[Any]:
    """The nodes behind some tensors that are not older than a sequence number; leaves are left out."""
    pending = [tensor.grad_fn for tensor in tensors if tensor.grad_fn is not None]
    seen: set[Any] = set()
    while pending:
        node = pending.pop()
        if node is None or node in seen or node.name() == "torch::autograd::AccumulateGrad":
            continue
        if node._sequence_nr() < first:
            continue
        seen.add(node)
        pending += [following for following, _ in node.next_functions]
    yield from seen
