"""Numbers and sites become the one record that is saved."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.metadata import PackageNotFoundError, version

import torch

from attnprobe import __version__
from attnprobe.records import (
    SCHEMA_VERSION,
    AttentionSite,
    CostShare,
    CrossCheck,
    Curve,
    Environment,
    HeadMatrix,
    LoadedModel,
    Measurement,
    ModelInfo,
    NotMeasured,
    Prediction,
    Probe,
    ProbeResult,
    Remedy,
    Scan,
    ScanOptions,
    Stage,
    ToolInfo,
    Trace,
    UnknownOp,
    Workload,
)
from attnprobe.repeating import shown_target

_RANDOM_DATA = (
    "The inputs are random, so numbers about heads, information and approximability describe random inputs, "
    "not your data: give it with --data MODULE:ITERABLE, or example_inputs() beside the model."
)
_PACKAGES = ("transformers", "timm", "fvcore", "networkx", "numpy")


@dataclass(slots=True)
class Findings:
    """What the probes have found so far."""

    notes: tuple[str, ...] = ()
    known: dict[tuple[str, str], float | None] = field(default_factory=dict)
    measurements: list[Measurement] = field(default_factory=list)
    missing: list[NotMeasured] = field(default_factory=list)
    shares: list[CostShare] = field(default_factory=list)
    curves: list[Curve] = field(default_factory=list)
    matrices: list[HeadMatrix] = field(default_factory=list)
    predictions: list[Prediction] = field(default_factory=list)
    checks: list[CrossCheck] = field(default_factory=list)
    unknown: list[UnknownOp] = field(default_factory=list)
    remedies: list[Remedy] = field(default_factory=list)

    def add(self, probe: Probe, result: ProbeResult) -> str:
        """Keep a probe's result; returns a few words on it."""
        self.measurements += result.measurements
        self.known.update({(m.metric, m.site): m.value for m in result.measurements})
        self.missing += result.not_measured
        self.shares += result.cost_shares
        self.curves += result.curves
        self.matrices += result.matrices
        self.predictions += result.predictions
        self.checks += result.cross_checks
        self.unknown += result.unknown_ops
        self.remedies += result.remedies
        self.notes += result.notes
        counted = (
            result.measurements,
            result.curves,
            result.predictions,
            result.cross_checks,
            result.remedies,
        )
        numbers = sum(map(len, counted))
        return f"{numbers} numbers" if numbers else "nothing to measure"

    def skip(self, probes: Sequence[Probe], reason: str) -> None:
        """List every metric of probes that do not run."""
        self.missing += [
            NotMeasured(metric=metric.name, site="", reason=reason) for p in probes for metric in p.metrics
        ]


def assemble(
    model: LoadedModel,
    trace: Trace,
    options: ScanOptions,
    probes: Sequence[Probe],
    found: Findings,
    stages: Sequence[Stage],
    *,
    command: str,
    device: str,
    is_measured: bool,
) -> Scan:
    """The scan: sites with their numbers, totals, and everything that could not be seen.

    Args:
        command: What repeats the scan.
        device: Where the measured runs happened.
        is_measured: Whether there were any.
    """
    return Scan(
        schema=SCHEMA_VERSION,
        tool=ToolInfo(name="attnprobe", version=__version__),
        environment=_environment(is_measured),
        model=_model_info(model, trace),
        workload=_workload(model, trace, options, command, device, is_measured),
        metrics={metric.name: metric for probe in probes for metric in probe.metrics},
        totals={m.metric: m.value for m in found.measurements if not m.site},
        sites=tuple(_with_numbers(trace.sites, found.measurements)),
        cost_shares=tuple(found.shares),
        curves=tuple(found.curves),
        matrices=tuple(found.matrices),
        predictions=tuple(found.predictions),
        cross_checks=tuple(found.checks),
        unknown_ops=tuple(found.unknown),
        remedies=tuple(found.remedies),
        blind_spots=trace.blind_spots,
        not_measured=tuple(found.missing),
        stages=tuple(stages),
        notes=(*trace.notes, *found.notes),
    )


def _with_numbers(
    sites: Sequence[AttentionSite], measurements: Sequence[Measurement]
) -> Sequence[AttentionSite]:
    values: dict[str, dict[str, float | None]] = {site.id: {} for site in sites}
    heads: dict[str, dict[str, tuple[float | None, ...]]] = {site.id: {} for site in sites}
    for m in measurements:
        if m.site in values:
            values[m.site][m.metric] = m.value
            if m.per_head:
                heads[m.site][m.metric] = m.per_head
    return [replace(site, metrics=values[site.id], head_metrics=heads[site.id]) for site in sites]


def _environment(is_measured: bool) -> Environment:
    on_gpu = is_measured and torch.cuda.is_available()
    return Environment(
        python=platform.python_version(),
        torch=torch.__version__,
        platform=f"{platform.system()} {platform.machine()}",
        device=torch.cuda.get_device_name() if on_gpu else "cpu",
        threads=torch.get_num_threads(),
        packages=_versions(),
    )


def _versions() -> Mapping[str, str]:
    found = {}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _model_info(model: LoadedModel, trace: Trace) -> ModelInfo:
    parameters = list(model.module.parameters())
    return ModelInfo(
        target=shown_target(model.target),
        entry=model.entry,
        class_name=type(model.module).__name__,
        parameters=sum(p.numel() for p in parameters),
        parameter_bytes=sum(p.numel() * p.element_size() for p in parameters),
        trainable_parameters=sum(p.numel() for p in parameters if p.requires_grad),
        causal_declared=model.causal,
    )


def _workload(
    model: LoadedModel, trace: Trace, options: ScanOptions, command: str, device: str, is_measured: bool
) -> Workload:
    shapes = [tensor.shape for tensor in trace.tensors if tensor.origin.startswith("input:")]
    dtypes = [dtype for _, dtype in trace.parameters.values()]
    return Workload(
        inputs=model.inputs,
        batch_size=next((shape[0] for shape in shapes if len(shape) > 1), None),
        seq_len=trace.seq_len,
        device=device if is_measured else "cpu, fake tensors",
        dtype=max(set(dtypes), key=dtypes.count) if dtypes else "float32",
        train=trace.train,
        backward=trace.backward,
        loss=next((note.removeprefix("loss: ") for note in trace.notes if note.startswith("loss: ")), ""),
        guessed=(*model.guessed, _RANDOM_DATA) if is_measured and model.data == "random" else model.guessed,
        depth="measured" if is_measured else "static",
        seed=options.seed,
        data=model.data,
        batches=1 + len(model.batches) if is_measured else 1,
        settings={"repeats": str(options.repeats), "warmup": str(options.warmup), "command": command},
    )
