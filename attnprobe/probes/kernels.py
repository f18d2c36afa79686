"""Which operators and kernels ran at each site, and which cost most: one forward under the profiler."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from attnprobe.probes.kernel_traces.site_events import PREFIX, SiteRun, site_runs
from attnprobe.probes.kernel_traces.table import Row, RunTable, read_table
from attnprobe.probes.measuring.profiling import profiled
from attnprobe.probes.measuring.spans import OwnModules, own_modules, watched
from attnprobe.records import LoadedModel, Measurement, Metric, NotMeasured, Probe, ProbeResult, Subject

_SHOWN = 8

METRICS = (
    Metric(
        name="product_count",
        title="Matrix products and attention kernels that one forward of the site calls",
        unit="1",
        level="site",
        exactness="exact",
        method="Innermost operators with a FLOP formula inside the site's module, in one profiled forward.",
        not_said="How long they take. Three projections, one fused attention and the output make five.",
    ),
    Metric(
        name="kernel_count",
        title="GPU kernels that one forward of the site launches",
        unit="1",
        level="site",
        exactness="exact",
        method="Kernels linked to the operators inside the site's module, in one profiled forward.",
        not_said="Nothing on a CPU.",
    ),
    Metric(
        name="kernel_ms",
        title="Time of the GPU kernels of one forward of the site",
        unit="ms",
        level="site",
        exactness="noisy",
        method="Sum of the durations of these kernels in one profiled forward, without gaps.",
        not_said="One run, under the profiler: forward_ms is the timing.",
    ),
)


def _run(subject: Subject) -> ProbeResult:
    assert subject.model is not None
    own, on_gpu = own_modules(subject.trace), subject.device.startswith("cuda")
    runs, table = _profile(subject.model, own, on_gpu=on_gpu)
    missing = []
    for site in subject.trace.sites:
        if site.id not in runs:
            reason = own.missing.get(site.id, "its module did not run once per attention")
            missing += [NotMeasured(metric=metric.name, site=site.id, reason=reason) for metric in METRICS]
    if not on_gpu:
        reason = "no GPU was used"
        missing += [
            NotMeasured(metric=name, site="", reason=reason) for name in ("kernel_count", "kernel_ms")
        ]
    return ProbeResult(
        measurements=tuple(_measurements(runs, on_gpu=on_gpu)),
        not_measured=tuple(missing),
        notes=(*_kernel_notes(subject, runs), *_table_notes(table)),
    )


def _profile(model: LoadedModel, own: OwnModules, *, on_gpu: bool) -> tuple[Mapping[str, SiteRun], RunTable]:
    import torch
    from torch.profiler import record_function

    from attnprobe import running

    calls: dict[str, int] = {}

    def entered(name: str, _: object) -> Any:
        call = calls.get(name, 0)
        calls[name] = call + 1
        sites = own.sites[name]
        label: Any = record_function(f"{PREFIX}{sites[call] if call < len(sites) else name}")
        label.__enter__()
        return label

    def left(_: str, label: Any, __: object) -> None:
        label.__exit__(None, None, None)

    with torch.no_grad():
        running.forward(model)
        with watched(model.module, tuple(own.sites), entered, left), profiled(on_gpu=on_gpu) as profiler:
            running.forward(model)
    complete = {site for name, sites in own.sites.items() if calls.get(name) == len(sites) for site in sites}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "forward.pt.trace.json"
        profiler.export_chrome_trace(str(path))
        table = read_table(path)
    runs = site_runs(profiler.events())
    return {site: run for site, run in runs.items() if site in complete}, table


def _measurements(runs: Mapping[str, SiteRun], *, on_gpu: bool) -> Iterator[Measurement]:
    for site, run in runs.items():
        yield Measurement(metric="product_count", site=site, value=len(run.operators))
        if on_gpu:
            yield Measurement(metric="kernel_count", site=site, value=len(run.kernels))
            yield Measurement(metric="kernel_ms", site=site, value=run.kernel_ms)


def _kernel_notes(subject: Subject, runs: Mapping[str, SiteRun]) -> Iterator[str]:
    """What the first site of every group ran."""
    first = {site.group: site.id for site in reversed(subject.trace.sites) if site.id in runs}
    for group, site in reversed(first.items()):
        kernels = ", ".join(dict.fromkeys(runs[site].kernels))
        on_gpu = f"; GPU kernels: {kernels}" if kernels else ""
        yield f"{group} ran {runs[site].core or 'no product'} on {subject.device}{on_gpu}."


def _table_notes(table: RunTable) -> Iterator[str]:
    for what, rows in (("Operators", table.operators), ("GPU kernels", table.kernels)):
        if rows:
            yield f"{what} of one forward by their own time (torch-tb-profiler): {_shares(rows)}."


def _shares(rows: tuple[Row, ...]) -> str:
    total = sum(row.self_ms for row in rows) or 1.0
    return ", ".join(f"{row.name} {row.self_ms / total:.0%} in {row.calls} calls" for row in rows[:_SHOWN])


probe = Probe(name="kernels", depth="measured", metrics=METRICS, run=_run)
