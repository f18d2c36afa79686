"""Times of whole steps and, in runs of their own, of the modules that are attention sites."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager

from attnprobe.probes.measuring.nodes import NodeTimer
from attnprobe.probes.measuring.repeats import SLOW_MS, repeat
from attnprobe.probes.measuring.spans import OwnModules, watched
from attnprobe.probes.measuring.timers import Timer
from attnprobe.records import LoadedModel, ScanOptions

Times = Mapping[str, Sequence[float]]  # site ("" the model) -> milliseconds of each repeat


def one_forward(model: LoadedModel, timer: Timer) -> Callable[[], float]:
    """A function that runs the forward once and says how many milliseconds it took."""
    from attnprobe import running

    def once() -> float:
        start = timer.mark()
        running.forward(model)
        end = timer.mark()
        timer.wait()
        return timer.milliseconds(start, end)

    return once


def one_backward(model: LoadedModel, options: ScanOptions, timer: Timer) -> Callable[[], float]:
    """A function that runs a step and says how many milliseconds its backward pass took."""
    from attnprobe import running

    def once() -> float:
        outputs = running.forward(model)
        loss, _ = running.loss_of(model, outputs, options.seed)
        del outputs
        assert loss is not None
        timer.wait()
        start = timer.mark()
        running.backward(loss)
        end = timer.mark()
        timer.wait()
        for parameter in model.module.parameters():
            parameter.grad = None
        return timer.milliseconds(start, end)

    return once


def forward_times(model: LoadedModel, options: ScanOptions, own: OwnModules, timer: Timer) -> Times:
    """Milliseconds of forwards without autograd: of the model alone, then of the sites under hooks."""
    import torch

    once = one_forward(model, timer)
    calls: dict[str, list[tuple[object, object]]] = {}
    of_site: dict[str, list[float]] = {}

    def once_watched() -> float:
        calls.clear()
        total = once()
        by_call = {
            (name, number): timer.milliseconds(*marks)
            for name, spans in calls.items()
            for number, marks in enumerate(spans)
        }
        _collect(by_call, own, of_site)
        return total

    hooks = watched(
        model.module,
        tuple(own.sites),
        lambda name, _: timer.mark(),
        lambda name, start, _: calls.setdefault(name, []).append((start, timer.mark())),
    )
    with torch.no_grad():
        return _all_times(once, once_watched, hooks, of_site, own, options)


def backward_times(model: LoadedModel, options: ScanOptions, own: OwnModules, timer: Timer) -> Times:
    """Milliseconds of backward passes: of the model alone, then of the sites' autograd nodes."""
    import torch

    from attnprobe import running

    once = one_backward(model, options, timer)
    nodes = NodeTimer(timer, running.output_tensors)
    of_site: dict[str, list[float]] = {}

    def once_watched() -> float:
        total = once()
        _collect(nodes.take(), own, of_site)
        return total

    hooks = watched(model.module, tuple(own.sites), nodes.entered, nodes.left)
    with torch.enable_grad():
        return _all_times(once, once_watched, hooks, of_site, own, options)


def _all_times(
    once: Callable[[], float],
    once_watched: Callable[[], float],
    hooks: AbstractContextManager[None],
    of_site: Mapping[str, list[float]],
    own: OwnModules,
    options: ScanOptions,
) -> Times:
    """The model alone, then under hooks with its sites. A slow model runs under hooks only."""
    alone: Sequence[float] = ()
    if not own.sites or once() <= SLOW_MS:
        alone = repeat(once, options.warmup, options.repeats)
    if not own.sites:
        return {"": alone}
    with hooks:
        together = repeat(once_watched, options.warmup, options.repeats)
    sites = {site: values[-len(together) :] for site, values in of_site.items()}
    return {"": alone or together, **sites}


def _collect(
    by_call: Mapping[tuple[str, int], float], own: OwnModules, of_site: dict[str, list[float]]
) -> None:
    """Hand the time of each call of a module to the site of that call, when there are as many as expected."""
    for module, sites in own.sites.items():
        times = [by_call[module, number] for number in range(len(by_call)) if (module, number) in by_call]
        if len(times) == len(sites):
            for site, milliseconds in zip(sites, times, strict=True):
                of_site.setdefault(site, []).append(milliseconds)
