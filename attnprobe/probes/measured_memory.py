"""Peak memory of real steps: the CUDA allocator's on a GPU, the CPU allocator's events elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from itertools import accumulate

from attnprobe.probes.measuring.profiling import allocations, profiled
from attnprobe.probes.storage.lifetimes import resident_bytes
from attnprobe.records import LoadedModel, Measurement, Metric, NotMeasured, Probe, ProbeResult, Subject

_METHOD = (
    "Highest number of bytes allocated during the step above those before it, plus parameters, buffers and "
    "inputs: torch.cuda.max_memory_allocated on a GPU, the profiler's allocation events on a CPU. "
)

METRICS = tuple(
    Metric(
        name=f"measured_peak_{name}_bytes",
        title=f"Measured peak memory of {title}",
        unit="byte",
        level="model",
        exactness="noisy",
        method=_METHOD + extra,
        not_said="What an allocator keeps cached, and memory outside of torch.",
    )
    for name, title, extra in (
        ("forward", "a forward pass without gradients", ""),
        ("training", "a training step", "Forward, loss and backward; no optimizer."),
    )
)


def _run(subject: Subject) -> ProbeResult:
    assert subject.model is not None
    model, seed, resident = subject.model, subject.options.seed, resident_bytes(subject.trace)
    steps: dict[str, Callable[[], None]] = {"measured_peak_forward_bytes": lambda: _forward(model)}
    missing: tuple[NotMeasured, ...] = ()
    if subject.trace.backward:
        steps["measured_peak_training_bytes"] = lambda: _training_step(model, seed)
    else:
        reason = "the scan ran no backward pass"
        missing = (NotMeasured(metric="measured_peak_training_bytes", site="", reason=reason),)
    return ProbeResult(
        measurements=tuple(
            Measurement(metric=metric, site="", value=resident + _peak(step, subject.device))
            for metric, step in steps.items()
        ),
        not_measured=missing,
    )


def _peak(step: Callable[[], None], device: str) -> int:
    """Highest number of bytes that a step allocates above what was there before it.

    The step runs once before, so that what libraries allocate for good at first use is not counted.
    """
    step()
    if device.startswith("cuda"):
        return _cuda_peak(step, device)
    with profiled(memory=True) as profiler:
        step()
    return max(accumulate(allocations(profiler), initial=0))


def _cuda_peak(step: Callable[[], None], device: str) -> int:
    import torch

    torch.cuda.synchronize(device)
    torch.cuda.reset_peak_memory_stats(device)
    before = torch.cuda.memory_allocated(device)
    step()
    torch.cuda.synchronize(device)
    return torch.cuda.max_memory_allocated(device) - before


def _forward(model: LoadedModel) -> None:
    import torch

    from attnprobe import running

    with torch.no_grad():
        running.forward(model)


def _training_step(model: LoadedModel, seed: int) -> None:
    import torch

    from attnprobe import running

    with torch.enable_grad():
        outputs = running.forward(model)
        loss, _ = running.loss_of(model, outputs, seed)
        del outputs
        if loss is not None:
            running.backward(loss)
    for parameter in model.module.parameters():
        parameter.grad = None


probe = Probe(name="measured_memory", depth="measured", metrics=METRICS, run=_run)
