"""The instrumented run: batches through the model, everything that passes by shown to the watchers."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from typing import Any

import torch

from attnprobe import running
from attnprobe.errors import ModelError
from attnprobe.observing.backward import BackwardPass, main_output
from attnprobe.observing.calls import AttentionCall, Batch, StreamTensors
from attnprobe.observing.observer import Observer, SiteTensors
from attnprobe.observing.padding import paddings
from attnprobe.observing.rows import row_blocks
from attnprobe.observing.site_calls import attention_call
from attnprobe.observing.watcher import Watcher
from attnprobe.records import LoadedModel, ScanOptions, Trace

Retrace = Callable[[LoadedModel, bool], Trace]  # (the model with its inputs, whether for real)


@dataclass(slots=True)
class Observed:
    """What the run leaves behind."""

    watchers: dict[str, Watcher] = field(default_factory=dict)
    failures: dict[str, Exception] = field(default_factory=dict)  # watchers that raised; they saw no more
    seconds: dict[str, float] = field(default_factory=dict)  # of each watcher, and "rows" for making them
    missing: dict[int, str] = field(default_factory=dict)  # site -> why it has no map
    batches: int = 0
    notes: tuple[str, ...] = ()


def observe(
    model: LoadedModel,
    trace: Trace,
    factories: Mapping[str, Callable[[], Watcher]],
    options: ScanOptions,
    retrace: Retrace,
) -> Observed:
    """Run every batch of a borrowed model under the eyes of the watchers.

    Each batch has watchers of its own, whose sums are then merged.

    Args:
        model: Real, on its device, borrowed.
        trace: Of the model on its first batch.
        factories: Name of a probe -> what makes its watcher.
        retrace: Traces the model on the inputs that it is given, for batches of other shapes and other paths.

    Raises:
        ModelError: The forward or the backward raised, or no trace fits.
    """
    observed = Observed()
    shapes = _shapes(model)
    for number, (args, kwargs) in enumerate(((model.args, model.kwargs), *model.batches)):
        loss_inputs = model.loss_inputs[number : number + 1]
        given = replace(model, args=args, kwargs=kwargs, batches=(), loss_inputs=loss_inputs)
        if _shapes(given) != shapes:
            trace, shapes = with_sites_of(trace, retrace(given, False)), _shapes(given)
        one = _Step(given, number, options, observed)
        trace = one.run(trace, factories, retrace)
        for name, watcher in one.watchers.items():
            if name in observed.failures:
                continue
            if name in observed.watchers:
                observed.watchers[name].merge(watcher)
            else:
                observed.watchers[name] = watcher
        observed.batches += 1
    return observed


class _Step:
    """One batch."""

    def __init__(self, model: LoadedModel, number: int, options: ScanOptions, observed: Observed) -> None:
        self._model, self._options, self._observed = model, options, observed
        self.batch = Batch(number=number, model=model, padding=paddings(model))
        self.watchers: dict[str, Watcher] = {}
        self._trace: Trace
        self._backward: BackwardPass | None = None
        self._calls: dict[int, AttentionCall] = {}

    def run(self, trace: Trace, factories: Mapping[str, Callable[[], Watcher]], retrace: Retrace) -> Trace:
        """Forward and backward; returns the trace that fitted."""
        for parameter in self._model.module.parameters():
            parameter.grad = None
        lost = self._forward(trace, factories)
        if lost:
            trace = with_sites_of(trace, retrace(self._model, True))
            lost = self._forward(trace, factories)
        if lost:
            raise ModelError(f"two runs on the same inputs took different paths: {lost}")
        if self._backward is not None:
            self._backward.run(self.batch)
        self.show("after_batch", self.batch)
        self.batch.outputs = self.batch.main_output = None  # a watcher may keep the batch, not its graph
        for parameter in self._model.module.parameters():
            parameter.grad = None
        self._observed.notes = tuple(dict.fromkeys((*self._observed.notes, *self.batch.notes)))
        return trace

    def _forward(self, trace: Trace, factories: Mapping[str, Callable[[], Watcher]]) -> str:
        self._trace, self._calls, self.batch.trace = trace, {}, trace
        self.watchers = {
            name: make() for name, make in factories.items() if name not in self._observed.failures
        }
        wants = frozenset().union(*(watcher.wants for watcher in self.watchers.values()))
        has_backward = self._options.backward
        self._backward = BackwardPass(trace, self._options, wants, self.show) if has_backward else None
        observer = Observer(
            trace,
            on_site=self._site,
            on_stream=self._stream if wants & {"streams", "reach"} else None,
        )
        with nullcontext() if has_backward else torch.no_grad(), observer:
            self.batch.outputs = running.forward(self._model)
        self.batch.main_output = main_output(self.batch.outputs)
        return observer.lost

    def _site(self, tensors: SiteTensors) -> None:
        """A site's tensors are complete."""
        site = self._trace.sites[tensors.index]
        with torch.no_grad():
            call = attention_call(site, tensors, self.batch, train=self._options.train)
            if call.missing:
                self._observed.missing.setdefault(tensors.index, call.missing)
            self.show("attention", call)
            if call.map is not None:
                self._rows(call)
            call.map = None
            self._calls[tensors.index] = replace(call, query=None, key=None, value=None, output=None)
        if self._backward is not None:
            self._backward.keep(tensors)

    def _rows(self, call: AttentionCall) -> None:
        assert call.map is not None
        if not any("rows" in watcher.wants for watcher in self.watchers.values()):
            return
        blocks = row_blocks(call, call.map, self._options.seed)
        while True:
            started = time.process_time()
            block = next(blocks, None)
            self._spent("rows", started)
            if block is None:
                return
            self.show("rows", call, block, wanted="rows")

    def _stream(self, index: int, tensors: StreamTensors) -> None:
        call = self._calls.get(index)
        if call is None:
            return
        if self._backward is not None and tensors.entry is not None:
            self._backward.keep_entry(index, call, tensors.entry)
        with torch.no_grad():
            found = {n: getattr(tensors, n) for n in ("entry", "read", "branch", "exit")}
            detached = StreamTensors(**{n: t if t is None else t.detach() for n, t in found.items()})
            self.show("stream", call, detached, wanted="streams")

    def show(self, method: str, *arguments: Any, wanted: str = "") -> None:
        """Call a method of every watcher; one that raises is left out from then on."""
        for name, watcher in list(self.watchers.items()):
            if wanted and wanted not in watcher.wants:
                continue
            started = time.process_time()
            try:
                with torch.no_grad():
                    getattr(watcher, method)(*arguments)
            except Exception as error:
                self._observed.failures[name] = error
                del self.watchers[name]
            self._spent(name, started)

    def _spent(self, name: str, started: float) -> None:
        seconds = self._observed.seconds
        seconds[name] = seconds.get(name, 0.0) + time.process_time() - started


def _shapes(model: LoadedModel) -> tuple[tuple[int, ...], ...]:
    return tuple(tuple(tensor.shape) for tensor in running.output_tensors((model.args, model.kwargs)))


def with_sites_of(known: Trace, found: Trace) -> Trace:
    """A new trace whose sites have the places and names of the known one.

    Raises:
        ModelError: They are not the same sites.
    """
    by_id = {site.id: index for index, site in enumerate(found.sites)}
    order = [by_id.get(site.id) for site in known.sites]
    present: Sequence[int] = [index for index in order if index is not None]
    if len(present) < len(known.sites):
        absent = next(site.id for site in known.sites if site.id not in by_id)
        raise ModelError(f"on this batch the model does not compute the attention {absent}")
    streams = tuple(found.streams[i] for i in present) if found.streams else ()
    return replace(
        found,
        sites=tuple(found.sites[i] for i in present),
        cores=tuple(found.cores[i] for i in present),
        streams=streams,
    )
