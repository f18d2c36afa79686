"""Probes of gradients, run on real modules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from torch import nn

from attnprobe.borrowing import borrowed
from attnprobe.observing.run import observe
from attnprobe.probes.gradient_depth import probe as gradient_depth
from attnprobe.probes.gradients import probe as gradients
from attnprobe.probes.projection_gradients import probe as projection_gradients
from attnprobe.records import LoadedModel, Probe, ProbeResult, ScanOptions, Subject, Trace
from attnprobe.tracing.tracing import trace as traced


def subject_of(
    module: nn.Module,
    *args: Any,
    loss: Any = None,
    batches: Sequence[tuple[Any, ...]] = (),
    options: ScanOptions | None = None,
    **kwargs: Any,
) -> Subject:
    """A subject on the CPU with a trace of its own; `batches` are further positional inputs."""
    model = LoadedModel(
        module=module,
        args=args,
        kwargs=kwargs,
        target="model.py",
        entry="model.py",
        inputs=(),
        loss=loss,
        batches=tuple((batch, {}) for batch in batches),
    )
    options = options or ScanOptions(target="model.py")
    step = traced(model, train=options.train, backward=options.backward, seed=options.seed)
    return Subject(trace=step, options=options, model=model)


def watched(subject: Subject, *probes: Probe) -> Subject:
    """The instrumented run for these probes."""
    assert subject.model is not None

    def retrace(model: LoadedModel, for_real: bool) -> Trace:
        return traced(model, train=subject.options.train, backward=False, seed=subject.options.seed)

    factories = {p.name: partial(p.watch, subject) for p in probes if p.watch is not None}
    with borrowed(subject.model.module, train=subject.options.train):
        observed = observe(subject.model, subject.trace, factories, subject.options, retrace)
    for failure in observed.failures.values():
        raise failure
    return replace(subject, watched=observed.watchers)


def run(subject: Subject, *probes: Probe) -> ProbeResult:
    """All of these probes one after another, each with the numbers of those before it."""
    seen = watched(subject, *probes)
    results = []
    known: dict[tuple[str, str], float | None] = {}
    for one in probes:
        results.append(one.run(replace(seen, known=dict(known))))
        known.update({(m.metric, m.site): m.value for m in results[-1].measurements})
    return ProbeResult(
        measurements=tuple(m for r in results for m in r.measurements),
        not_measured=tuple(m for r in results for m in r.not_measured),
        notes=tuple(note for r in results for note in r.notes),
    )


def depth_of(subject: Subject) -> ProbeResult:
    """Everything that is fitted over depth."""
    return run(subject, gradients, projection_gradients, gradient_depth)


def value(result: ProbeResult, metric: str, site: str = "") -> float:
    """One number; KeyError when it is not there."""
    found = {(m.metric, m.site): m.value for m in result.measurements}[metric, site]
    assert found is not None
    return found


def heads(result: ProbeResult, metric: str, site: str) -> tuple[float | None, ...]:
    """One number per head."""
    return {(m.metric, m.site): m.per_head for m in result.measurements}[metric, site]


def reason(result: ProbeResult, metric: str, site: str = "") -> str:
    """Why a number is missing."""
    return {(m.metric, m.site): m.reason for m in result.not_measured}[metric, site]
