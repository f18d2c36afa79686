"""The order of the stages, and nothing else.

target ─ load ─ trace ─ probe ─ (check ─ suggest ─ try) ─ scan
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

from attnprobe.assembly import Findings, assemble
from attnprobe.borrowing import with_garbage_collection, without_garbage_collection
from attnprobe.errors import AttnprobeError, TargetError
from attnprobe.loading import load
from attnprobe.observing.run import observe
from attnprobe.preparing import bring_to_device, choose_device, real_model, reason_not_to_run
from attnprobe.probes.roofline_model.devices import find_device
from attnprobe.records import LoadedModel, NotMeasured, Probe, Scan, ScanOptions, Subject, Trace
from attnprobe.registry import Plugin, discover, pick
from attnprobe.repeating import command_of
from attnprobe.resizing import resized
from attnprobe.stopwatch import Progress, Stopwatch
from attnprobe.tracing.tracing import retrace as retrace_model
from attnprobe.tracing.tracing import trace


def scan_target(options: ScanOptions, progress: Progress) -> Scan:
    """Load a target and scan it.

    Raises:
        AttnprobeError: The target cannot be loaded or its forward fails; one line and a hint.
    """
    watch = Stopwatch(progress)
    with without_garbage_collection(), watch.stage("load") as stage:
        model = load(options, fake=True)
        stage.outcome = model.entry
    return _scan(model, options, watch, command=command_of(options))


def scan_model(model: LoadedModel, options: ScanOptions, progress: Progress) -> Scan:
    """Scan a model that is already in this process. It is given back as it was."""
    return _scan(model, options, Stopwatch(progress), command="attnprobe.scan(model, inputs)")


def _scan(model: LoadedModel, options: ScanOptions, watch: Stopwatch, *, command: str) -> Scan:
    probes = chosen_probes(options)
    if options.target_device is not None:
        find_device(options.target_device)  # a wrong name ends the scan now, not after it
    device = choose_device(options)
    with without_garbage_collection():
        subject, found = _look(model, options, device, [p for p in probes if p.depth == "static"], watch)
    measured = [p for p in probes if p.depth == "measured"]
    reason = reason_not_to_run(model, options, found.known, device)
    if reason:
        found.skip(measured, reason)
    else:
        _measure(model, subject, measured, found, watch)
    return assemble(
        model,
        subject.trace,
        options,
        probes,
        found,
        watch.stages,
        command=command,
        device=device,
        is_measured=not reason,
    )


def _look(
    model: LoadedModel, options: ScanOptions, device: str, probes: list[Probe], watch: Stopwatch
) -> tuple[Subject, Findings]:
    """What can be known without a real run: the trace, and what the static probes read from it."""
    with watch.stage("trace") as stage:
        understood, notes = _trace(model, options)
        groups = len({site.group for site in understood.sites})
        stage.outcome = f"{_counted(len(understood.sites), 'attention site')} in {_counted(groups, 'group')}"
    found = Findings(notes=notes)
    subject = Subject(trace=understood, options=options, device=device, known=found.known)
    subject.retrace = _retracer(model, understood, options)
    for probe in probes:
        _run(probe, subject, found, watch)
    return subject, found


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def chosen_probes(options: ScanOptions) -> tuple[Probe, ...]:
    """The probes that were asked for, each after those whose numbers it reads.

    Raises:
        UsageError: A name that no probe has.
    """
    plugins: Mapping[str, Plugin[Probe]] = discover("attnprobe.probes", "probe", group="attnprobe.probes")
    for name in (*options.probes, *options.skip_probes):
        pick(name, plugins, "probe")
    wanted = [
        p.value
        for n, p in plugins.items()
        if (not options.probes or n in options.probes) and n not in options.skip_probes
    ]
    ordered: list[Probe] = []
    while wanted:
        names = {probe.name for probe in wanted}
        ready = [probe for probe in wanted if not names & set(probe.after)] or wanted[:1]
        ordered += ready
        wanted = [probe for probe in wanted if probe not in ready]
    return tuple(ordered)


def _trace(model: LoadedModel, options: ScanOptions) -> tuple[Trace, tuple[str, ...]]:
    """Trace under fake tensors; where control flow depends on data, trace a real run and say so."""
    fake = replace(model, is_fake=True)
    try:
        return trace(fake, train=options.train, backward=options.backward, seed=options.seed), ()
    except AttnprobeError as error:
        real = real_model(model, options)
        if real is None:
            raise
        note = f"Traced on a real run, since under fake tensors {error.message}"
    understood = trace(real, train=options.train, backward=options.backward, seed=options.seed)
    model.module, model.is_fake, model.args, model.kwargs = real.module, False, real.args, real.kwargs
    model.batches = real.batches
    return understood, (note,)


def _retracer(model: LoadedModel, understood: Trace, options: ScanOptions) -> Callable[[int], Trace]:
    def retrace(length: int) -> Trace:
        old = understood.seq_len or 0
        if not old and length:
            raise TargetError("no input has a dimension along which tokens lie")
        fake = replace(model, is_fake=understood.is_fake)
        other = fake if length in (0, old) else resized(fake, understood.length_dims, old, length)
        return retrace_model(other, understood, seed=options.seed)

    return retrace


def _measure(
    model: LoadedModel, subject: Subject, probes: list[Probe], found: Findings, watch: Stopwatch
) -> None:
    if not probes:
        return
    try:
        with watch.stage("build for real") as stage:
            real = real_model(model, subject.options) or model
            stage.outcome = subject.device
    except AttnprobeError as error:
        found.skip(probes, f"the model could not be built for real: {error.message}")
        return
    with (
        with_garbage_collection(),
        bring_to_device(real, subject.device, train=subject.options.train) as placed,
    ):
        subject.model = placed
        subject.trace_of = _real_tracer(options=subject.options)
        subject.trace_batch = _trace_of_batch(subject)
        failures = _observe(subject, [p for p in probes if p.watch is not None], found, watch)
        for probe in probes:
            _run(probe, subject, found, watch, failures.get(probe.name))


def _observe(
    subject: Subject, probes: list[Probe], found: Findings, watch: Stopwatch
) -> Mapping[str, Exception]:
    """The one run that all of these probes watch; returns those that failed during it."""
    if not probes:
        return {}
    assert subject.model is not None
    assert subject.trace_batch is not None
    factories = {p.name: partial(p.watch, subject) for p in probes if p.watch is not None}
    with watch.stage("instrumented run") as stage:
        try:
            observed = observe(subject.model, subject.trace, factories, subject.options, subject.trace_batch)
        except AttnprobeError as error:
            stage.ok, stage.outcome = False, f"failed: {error.message}"
            return dict.fromkeys(factories, error)
        subject.watched = observed.watchers
        found.notes += observed.notes
        stage.outcome = f"{observed.batches} batch{'es' if observed.batches != 1 else ''}"
    return observed.failures


def _trace_of_batch(subject: Subject) -> Callable[[LoadedModel, bool], Trace]:
    options = subject.options  # with a backward when there is one: autograd chooses other ops

    def trace_of(model: LoadedModel, for_real: bool) -> Trace:
        return _traced_anew(
            model,
            options,
            is_fake=subject.trace.is_fake and not for_real,
            train=options.train,
            backward=options.backward,
        )

    return trace_of


def _real_tracer(options: ScanOptions) -> Callable[[LoadedModel], Trace]:
    return partial(_traced_anew, options=options, is_fake=False, train=False, backward=False)


def _traced_anew(
    model: LoadedModel, options: ScanOptions, *, is_fake: bool, train: bool, backward: bool
) -> Trace:
    """Of a placed model on the inputs that it comes with."""
    given = replace(model, is_fake=is_fake, fake_world=None)
    return trace(given, train=train, backward=backward, seed=options.seed, with_lines=False)


def _run(
    probe: Probe, subject: Subject, found: Findings, watch: Stopwatch, failure: Exception | None = None
) -> None:
    """One probe; its failure is a listed gap, not a failed scan."""
    with watch.stage(probe.name) as stage:
        try:
            if failure is not None:
                raise failure
            stage.outcome = found.add(probe, probe.run(subject))
        except Exception as error:
            stage.ok = False
            stage.outcome = f"failed: {type(error).__name__}: {str(error)[:200]}"
            found.missing += [
                NotMeasured(metric=m.name, site="", reason=f"the probe {probe.name} {stage.outcome}")
                for m in probe.metrics
            ]
