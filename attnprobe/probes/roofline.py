"""Predicted time on a named device, and what bounds it: for prefill, training and decoding."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from attnprobe.probes.counting.call import OpCall, calls
from attnprobe.probes.counting.tally import TraceFlops, belongs_to_model, count, origin
from attnprobe.probes.roofline_model.decode import model_decode, site_decode
from attnprobe.probes.roofline_model.devices import Device, device_of_gpu, find_device
from attnprobe.probes.roofline_model.work import Work, op_work, predict
from attnprobe.records import Metric, NotMeasured, Prediction, Probe, ProbeResult, Subject, Trace

METRICS = (
    Metric(
        name="roofline_ms",
        title="Predicted time on the target device",
        unit="ms",
        level="site",
        exactness="modelled",
        method="Sum over ops of max(FLOPs / peak rate of the dtype, bytes / memory bandwidth); bytes are "
        "what each op reads and writes, for a fused attention its query, key, value, mask and output.",
        source="Williams et al. 2009, doi:10.1145/1498765.1498785; rates: roofline_devices.toml",
        not_said="A lower bound: no launch times, no caches between ops, no kernel reaches the peak. "
        "Decoding of a mixture of experts reads here the experts of the whole scanned batch.",
    ),
)


def _run(subject: Subject) -> ProbeResult:
    device, reason = _device(subject)
    if device is None:
        missing = NotMeasured(metric="roofline_ms", site="", reason=reason)
        return ProbeResult(not_measured=(missing,))
    trace, counted = subject.trace, count(subject.trace)
    return ProbeResult(
        predictions=tuple(_predictions(trace, counted, device)),
        notes=(f"Roofline: {device.title}, {device.source}.",),
    )


def _device(subject: Subject) -> tuple[Device | None, str]:
    """The device asked for, else the GPU in use; None with a reason."""
    if subject.options.target_device:
        return find_device(subject.options.target_device), ""
    if not subject.device.startswith("cuda"):
        return None, "no device was named (--target-device h100, a100, l4, cpu, …)"
    import torch

    title = torch.cuda.get_device_name(subject.device)
    return device_of_gpu(title), f"the rates of '{title}' are not known; name a device with --target-device"


def _predictions(trace: Trace, counted: TraceFlops, device: Device) -> Iterator[Prediction]:
    """For the model ("") and for the first site of every group."""
    pieces = _pieces(trace)
    first: dict[str, int | None] = {"": None}
    for number, site in enumerate(trace.sites):
        first.setdefault(f"group {site.group}", number)
    prefill = [call for call in pieces[None] if call.op.phase == "forward"]
    for index in first.values():
        name = "" if index is None else trace.sites[index].id
        works = [(call.op.phase, op_work(call, trace, counted)) for call in pieces.get(index, ())]
        yield predict((work for phase, work in works if phase == "forward"), device, "prefill", name)
        if trace.backward:
            yield predict((work for _, work in works), device, "training", name)
        one_token = _one_token(index, prefill, trace, counted)
        if one_token:
            yield predict(one_token, device, "decode", name)


def _pieces(trace: Trace) -> dict[int | None, list[OpCall]]:
    """Ops of the whole model (None) and of every site, by its index; the loss belongs to neither."""
    found: dict[int | None, list[OpCall]] = {None: []}
    for call in calls(trace):
        if belongs_to_model(call.op, trace):
            found[None].append(call)
            owner = trace.site_of_op.get(origin(call.op))
            if owner is not None:
                found.setdefault(owner[0], []).append(call)
    return found


def _one_token(
    site: int | None, prefill: Sequence[OpCall], trace: Trace, counted: TraceFlops
) -> Sequence[Work]:
    if site is None:
        return model_decode(prefill, trace, counted)
    return site_decode(site, prefill, trace, counted)


probe = Probe(name="roofline", depth="static", metrics=METRICS, run=_run)
