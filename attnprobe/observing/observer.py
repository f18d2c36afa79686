"""Follows a forward pass along a trace of it, and hands out the live tensors of every core.

The ops of a run are those of its trace, in the same order; so the n-th op tells which tensors pass by. Where
the model takes another path, the observer says so and looks no further.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from attnprobe.observing.calls import StreamTensors
from attnprobe.observing.dispatching import SILENT_OPS, Dispatched, flat_tensors
from attnprobe.records import Core, Op, Operand, Trace

_DETACH = "aten.detach.default"  # a pass without gradients leaves those of saved results out
_ENDS = {"query": "score_ops", "key": "score_ops", "scores": "inner_ops"}


@dataclass(frozen=True, slots=True)
class Held:
    """A live tensor of a core and what its dims count."""

    tensor: Tensor
    operand: Operand


@dataclass(frozen=True, slots=True)
class KernelArguments:
    """What a fused kernel was given beside queries, keys and values."""

    mask: Tensor | None
    is_causal: bool
    scale: float | None


@dataclass(slots=True)
class SiteTensors:
    """The live tensors of one site, a list entry per part of its core."""

    index: int
    core: Core
    held: dict[str, list[Held | None]] = field(default_factory=dict)
    kernels: list[KernelArguments | None] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Sight:
    """Where a tensor passes by."""

    rank: int
    is_output: bool
    position: int


@dataclass(slots=True)
class _Plan:
    """What to do at the op of a rank."""

    take: list[tuple[tuple[Any, ...], _Sight]] = field(default_factory=list)  # key -> where
    kernels: list[tuple[int, int]] = field(default_factory=list)  # (site, part): read the kernel's arguments
    sites: list[int] = field(default_factory=list)  # complete after this op
    streams: list[int] = field(default_factory=list)


class Observer:
    """Context manager round a forward pass.

    Args:
        trace: Of the same model on inputs of the same shapes.
        on_site: Called with a site's tensors once all have passed by, outside of the dispatcher.
        on_stream: The same for the hidden states round a site; None: not wanted.
        on_output: Called inside the dispatcher with (site, part, fresh output, its operand); may write to it.
    """

    def __init__(
        self,
        trace: Trace,
        *,
        on_site: Callable[[SiteTensors], None] | None = None,
        on_stream: Callable[[int, StreamTensors], None] | None = None,
        on_output: Callable[[int, int, Tensor, Operand], None] | None = None,
    ) -> None:
        self.lost = ""  # why it does not follow any more
        self._ops = [
            op for op in trace.ops[: trace.forward_end] if op.phase == "forward" and op.name != _DETACH
        ]
        self._plans = _plans(self._ops, trace, with_streams=on_stream is not None)
        self._cores = trace.cores
        self._on_site, self._on_stream, self._on_output = on_site, on_stream, on_output
        self._rank = 0
        self._names: dict[Any, str] = {}
        self._tensors: dict[int, dict[tuple[str, int], Held]] = defaultdict(dict)
        self._kernels: dict[tuple[int, int], KernelArguments] = {}
        self._streams: dict[int, dict[str, Tensor]] = defaultdict(dict)
        self._ready: list[Callable[[], None]] = []
        self._stack = ExitStack()

    def __enter__(self) -> Observer:
        self._stack.enter_context(_Functions(self))
        self._stack.enter_context(Dispatched(self.run))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()
        if kind is None:
            self.flush()
            if not self.lost and self._rank < len(self._ops):
                self.lost = f"the run ended at op {self._rank} of {len(self._ops)}"

    def flush(self) -> None:
        """Hand out what is complete."""
        ready, self._ready = self._ready, []
        for call in ready:
            call()

    @property
    def has_ready(self) -> bool:
        """Whether something waits to be handed out."""
        return bool(self._ready)

    def run(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """One dispatched op."""
        name = self._names.get(func)
        if name is None:
            name = self._names[func] = "" if func._schema.name in SILENT_OPS else str(func)
        if self.lost or not name or name == _DETACH:
            return func(*args, **kwargs)
        rank, self._rank = self._rank, self._rank + 1
        if rank >= len(self._ops) or self._ops[rank].name != name:
            expected = self._ops[rank].name if rank < len(self._ops) else "the end"
            self.lost = f"op {rank} is {name} where the trace has {expected}"
            self._ready.clear()
            return func(*args, **kwargs)
        plan = self._plans.get(rank)
        if plan is None:
            return func(*args, **kwargs)
        return self._planned(plan, func, args, kwargs)

    def _planned(self, plan: _Plan, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        inputs = list(flat_tensors((args, tuple(kwargs.values()))))
        self._take(plan, inputs, is_output=False)
        for key in plan.kernels:
            self._kernels[key] = _kernel_arguments(func, args, kwargs)
        result = func(*args, **kwargs)
        self._take(plan, list(flat_tensors(result)), is_output=True)
        for site in plan.sites:
            self._complete(site)
        for site in plan.streams:
            self._complete_stream(site)
        return result

    def _take(self, plan: _Plan, tensors: list[Tensor], *, is_output: bool) -> None:
        for key, sight in plan.take:
            if sight.is_output != is_output or sight.position >= len(tensors):
                continue
            tensor = tensors[sight.position]
            if len(key) == 2:
                self._streams[key[0]][key[1]] = tensor
                continue
            site, part, role, operand = key
            if role == "output" and self._on_output is not None:
                self._on_output(site, part, tensor, operand)
            if self._on_site is not None:
                self._tensors[site][role, part] = Held(tensor, operand)

    def _complete(self, site: int) -> None:
        if self._on_site is None:
            return
        deliver, core, held = self._on_site, self._cores[site], self._tensors.pop(site, {})
        parts = range(len(core.parts) or 1)
        tensors = SiteTensors(
            site,
            core,
            {role: [held.get((role, part)) for part in parts] for role in dict.fromkeys(r for r, _ in held)},
            [self._kernels.pop((site, part), None) for part in parts],
        )
        self._ready.append(lambda: deliver(tensors))

    def _complete_stream(self, site: int) -> None:
        if self._on_stream is not None:
            deliver, found = self._on_stream, StreamTensors(**self._streams.pop(site, {}))
            self._ready.append(lambda: deliver(site, found))


def _plans(ops: Sequence[Op], trace: Trace, *, with_streams: bool) -> Mapping[int, _Plan]:
    ranks = {op.index: rank for rank, op in enumerate(ops)}
    plans: dict[int, _Plan] = defaultdict(_Plan)
    for number, core in enumerate(trace.cores):
        last = max((ranks[i] for i in core.value_ops if i in ranks), default=None)
        if last is None:
            continue
        for part, leaf in enumerate(core.parts or (core,)):
            for role, operand in leaf.operands.items():
                sight = _sight_in(ops, ranks, leaf, role, operand.tensor)
                if sight is not None and sight.rank <= last:
                    plans[sight.rank].take.append(((number, part, role, operand), sight))
            if leaf.score_ops == leaf.value_ops and leaf.score_ops and leaf.score_ops[0] in ranks:
                plans[ranks[leaf.score_ops[0]]].kernels.append((number, part))
        plans[last].sites.append(number)
    if with_streams:
        _plan_streams(plans, ops, ranks, trace)
    return plans


def _sight_in(
    ops: Sequence[Op], ranks: Mapping[int, int], core: Core, role: str, tensor: int
) -> _Sight | None:
    """Where a core's tensor is seen as the role says: scores last before the normaliser, say."""
    if role == "output":
        makers = [ranks[i] for i in core.value_ops if i in ranks and tensor in ops[ranks[i]].outputs]
        return _Sight(makers[-1], True, ops[makers[-1]].outputs.index(tensor)) if makers else None
    end: Sequence[int] = getattr(core, _ENDS.get(role, "value_ops"))
    own = [*end, *core.score_ops, *core.inner_ops, *core.value_ops]
    readers = [ranks[i] for i in own if i in ranks and tensor in ops[ranks[i]].inputs]
    if not readers:
        return None
    rank = max(r for r in readers if r in {ranks[i] for i in end if i in ranks} or r == readers[0])
    return _Sight(rank, False, ops[rank].inputs.index(tensor))


def _plan_streams(plans: dict[int, _Plan], ops: Sequence[Op], ranks: Mapping[int, int], trace: Trace) -> None:
    """Take the hidden states round every site where each is first seen."""
    names = ("entry", "read", "branch", "exit")
    wanted = {getattr(stream, name) for stream in trace.streams for name in names} - {None}
    sights: dict[int, _Sight] = {}
    for rank, op in enumerate(ops):
        for is_output, tensors in ((False, op.inputs), (True, op.outputs)):
            for position, tensor in enumerate(tensors):
                if tensor in wanted:
                    sights.setdefault(tensor, _Sight(rank, is_output, position))
    for number, stream in enumerate(trace.streams):
        own = {name: sights[tensor] for name in names if (tensor := getattr(stream, name)) in sights}
        for name, sight in own.items():
            plans[sight.rank].take.append(((number, name), sight))
        ends = [ranks[i] for i in trace.cores[number].value_ops if i in ranks]
        if own:
            plans[max([*ends, *(sight.rank for sight in own.values())])].streams.append(number)


def _kernel_arguments(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> KernelArguments:
    """The mask, the causal flag and the scale among a kernel's arguments, by their names in its schema."""
    names = [argument.name for argument in func._schema.arguments]
    given = {**dict(zip(names, args, strict=False)), **kwargs}
    mask = next((given[n] for n in ("attn_mask", "attn_bias", "bias") if given.get(n) is not None), None)
    is_causal = bool(given.get("is_causal") or given.get("causal"))
    scale = given.get("scale", given.get("softmax_scale"))
    return KernelArguments(mask, is_causal, float(scale) if isinstance(scale, (int, float)) else None)


class _Functions(TorchFunctionMode):
    """Hands out what is complete after a torch function, where autograd is at work again."""

    def __init__(self, observer: Observer) -> None:
        super().__init__()
        self._observer = observer

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        if self._observer.has_ready:
            with torch.utils._python_dispatch._disable_current_modes():
                self._observer.flush()
        return result
