"""Runs a copy of the model, as it is or changed, and reads the numbers that a remedy is judged by."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import nn

from attnprobe import running
from attnprobe.errors import ModelError
from attnprobe.observing.run import observe
from attnprobe.probes.gradient_flow.norms import total_norm
from attnprobe.records import LoadedModel, Probe, Subject, Trace

Numbers = dict[tuple[str, str], float | None]

_STEP = 1e-3  # of a clipped gradient: its length against that of the weights


def numbers(subject: Subject, copy: nn.Module, probes: Sequence[Probe]) -> Numbers:
    """What these probes measure on the copy, on the first batch.

    Raises:
        ModelError: The copy does not run, or takes another path than the model.
    """
    assert subject.model is not None
    model = replace(subject.model, module=copy, batches=())
    factories = {probe.name: partial(probe.watch, subject) for probe in probes if probe.watch is not None}
    with _seeded(subject.options.seed, subject.device):
        observed = observe(model, subject.trace, factories, subject.options, _no_other_path)
    for failure in observed.failures.values():
        raise failure
    known: Numbers = {}
    for probe in probes:
        result = probe.run(replace(subject, watched=observed.watchers, known=known))
        known.update({(m.metric, m.site): m.value for m in result.measurements})
    return known


def _no_other_path(model: LoadedModel, for_real: bool) -> Trace:
    raise ModelError("changed like this, the model takes another path")


@dataclass(frozen=True, slots=True)
class Steps:
    """What a few steps of gradient descent did."""

    largest: float  # ‖step‖ / ‖weights‖
    loss_before: float  # mean over the batches
    loss_after: float


def steps(subject: Subject, copy: nn.Module, typical: float, clip: float | None) -> Steps:
    """One pass of plain gradient descent over the batches; the rate makes a typical step 1e-3 of the weights.

    Args:
        typical: The norm of a typical gradient.
        clip: The norm to clip at; None: no clipping.

    Raises:
        ModelError: The copy does not run.
    """
    assert subject.model is not None
    parameters = [p for p in copy.parameters() if p.requires_grad]
    weights = total_norm(list(parameters))
    rate, largest = _STEP * weights / typical, 0.0
    with _seeded(subject.options.seed, subject.device):
        before = _mean_loss(subject, copy)
        for model in _batches(subject, copy):
            _backward(model, parameters, subject.options.seed)
            gradients = [p.grad for p in parameters if p.grad is not None]
            norm = total_norm(gradients)
            factor = min(1.0, clip / norm) if clip is not None and norm else 1.0
            with torch.no_grad():
                torch._foreach_add_(
                    [p for p in parameters if p.grad is not None], gradients, alpha=-rate * factor
                )
            largest = max(largest, rate * factor * norm / weights)
        return Steps(largest, before, _mean_loss(subject, copy))


def _batches(subject: Subject, copy: nn.Module) -> Iterator[LoadedModel]:
    model = subject.model
    assert model is not None
    for number, (args, kwargs) in enumerate(((model.args, model.kwargs), *model.batches)):
        own = model.loss_inputs[number : number + 1]
        yield replace(model, module=copy, args=args, kwargs=kwargs, batches=(), loss_inputs=own)


def _backward(model: LoadedModel, parameters: Sequence[nn.Parameter], seed: int) -> None:
    for parameter in parameters:
        parameter.grad = None
    loss, _ = running.loss_of(model, running.forward(model), seed)
    if loss is not None:
        running.backward(loss)


def _mean_loss(subject: Subject, copy: nn.Module) -> float:
    losses = []
    for model in _batches(subject, copy):
        loss, _ = running.loss_of(model, running.forward(model), subject.options.seed)
        losses.append(float("nan") if loss is None else float(loss.detach()))
    return sum(losses) / len(losses)


@contextmanager
def _seeded(seed: int, device: str) -> Iterator[None]:
    """Dropout draws the same in every trial."""
    devices = [torch.device(device).index or 0] if device.startswith("cuda") else []
    with torch.random.fork_rng(devices):
        torch.manual_seed(seed)
        yield
