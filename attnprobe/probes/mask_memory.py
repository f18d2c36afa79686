"""Masks whose memory grows with the square of the length."""

from __future__ import annotations

from collections.abc import Iterator

from attnprobe.probes.graph_reading.flow import Flow
from attnprobe.probes.graph_reading.masks import masks, users_mask
from attnprobe.probes.graph_reading.results import Found, records, result
from attnprobe.probes.storage.dtypes import is_floating
from attnprobe.records import Core, Measurement, Metric, Probe, ProbeResult, Subject

METRICS = (
    Metric(
        name="quadratic_mask_bytes",
        title="Masks of length² elements that are kept as a buffer or as a float tensor",
        unit="byte",
        level="site",
        exactness="exact",
        method="Bytes of the storages with a mask of at least q_len · kv_len elements that are buffers of "
        "the model or of a floating dtype. Shared ones count for every site that uses them, once for the "
        "model.",
        not_said="Bool masks that are made for the call and let go of; biases that are learned.",
    ),
)


def _run(subject: Subject) -> ProbeResult:
    trace = subject.trace
    flow = Flow(trace)
    values: dict[str, Found] = {}
    everywhere: dict[int, int] = {}
    for site, core in zip(trace.sites, trace.cores, strict=True):
        own = dict(_quadratic(flow, core)) if site.q_len > 1 else {}
        everywhere.update(own)
        values[site.id] = sum(own.values())
    total = Measurement(metric="quadratic_mask_bytes", site="", value=sum(everywhere.values()))
    return result([*records("quadratic_mask_bytes", values), total])


def _quadratic(flow: Flow, core: Core) -> Iterator[tuple[int, int]]:
    """(storage, bytes) of the masks of a core, and of the buffers that they are made of."""
    for mask in masks(flow, core):
        given = users_mask(flow, mask)
        made_of = [number for op in flow.chain(given) for number in op.inputs]
        for number in (given, *made_of):
            tensor = flow.tensor(number)
            plane = mask.summary.shape[-2] * mask.summary.shape[-1]
            is_buffer = flow.tensor(flow.behind_views(number)).origin.startswith("buffer:")
            is_kept = is_buffer or (number == given and is_floating(tensor.dtype))
            if is_kept and mask.summary.shape[-2] > 1 and tensor.storage_bytes >= plane * tensor.itemsize:
                yield tensor.storage, tensor.storage_bytes


probe = Probe(name="mask_memory", depth="static", metrics=METRICS, run=_run)
