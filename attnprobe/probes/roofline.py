"""Predicted time on a named device, and what bounds it: for prefill, training and decoding."""

from __future__ import annotations

from collections.abc import Iterator

from attnprobe.probes.counting.call import calls
from attnprobe.probes.counting.tally import TraceFlops, count
from attnprobe.probes.roofline_model.decode import model_decode, site_decode
from attnprobe.probes.roofline_model.devices import Device, device_of_gpu, find_device
from attnprobe.probes.roofline_model.work import op_work, ops_of, predict
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
    called = calls(trace)
    first: dict[str, int] = {}
    for index, site in enumerate(trace.sites):
        first.setdefault(site.group, index)
    pieces: tuple[int | None, ...] = (None, *first.values())
    for piece in pieces:
        name = "" if piece is None else trace.sites[piece].id
        forward = [
            op_work(call, trace, counted) for call in ops_of(called, trace, backward=False, site=piece)
        ]
        yield predict(forward, device, "prefill", name)
        if trace.backward:
            step = [
                op_work(call, trace, counted) for call in ops_of(called, trace, backward=True, site=piece)
            ]
            yield predict(step, device, "training", name)
        prefill = ops_of(called, trace, backward=False)
        one_token = (
            model_decode(prefill, trace, counted)
            if piece is None
            else site_decode(piece, prefill, trace, counted)
        )
        if one_token:
            yield predict(one_token, device, "decode", name)


probe = Probe(name="roofline", depth="static", metrics=METRICS, run=_run)
