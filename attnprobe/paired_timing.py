"""Times of a model whose runs take turns with those of another version of it, in another process."""

from __future__ import annotations

import gc
from collections.abc import Callable
from math import ceil
from statistics import median

import torch

from attnprobe.borrowing import without_garbage_collection
from attnprobe.errors import TargetError
from attnprobe.isolation.turns import Baton
from attnprobe.loading import load
from attnprobe.preparing import bring_to_device, choose_device, real_model
from attnprobe.probes.measuring.step_times import one_backward, one_forward
from attnprobe.probes.measuring.timers import timer_for
from attnprobe.records import LoadedModel, ScanOptions
from attnprobe.stopwatch import Progress, Stopwatch

_TURN_MS = 30.0  # a turn repeats what is quick, so that a turn is longer than the hiccups of a machine
_MOST_REPEATS = 40

Times = dict[str, list[float]]  # metric -> milliseconds of every turn


def time_in_turns(options: ScanOptions, baton: Baton, pairs: int, progress: Progress) -> Times:
    """Milliseconds of forward and backward passes, one number per turn.

    Raises:
        AttnprobeError: The target cannot be loaded, or its forward fails.
    """
    watch = Stopwatch(progress)
    device = choose_device(options)
    with watch.stage("load"):
        model = real_model(load(options, fake=True), options)
    if model is None:
        raise TargetError("the model exists without memory only, so it cannot be timed")
    with bring_to_device(model, device, train=options.train) as placed, without_garbage_collection():
        runs = _runs(placed, options, device)
        repeats = {name: _warmed(once, options.warmup) for name, once in runs.items()}
        with watch.stage(f"{pairs} pairs of runs"):
            times: Times = {name: [] for name in runs}
            for _ in baton.turns(pairs):
                gc.collect()
                for name, once in runs.items():
                    times[name].append(_turn(once, repeats[name]))
    return times


def _runs(model: LoadedModel, options: ScanOptions, device: str) -> dict[str, Callable[[], float]]:
    timer = timer_for(device)
    forward, backward = one_forward(model, timer), one_backward(model, options, timer)

    def without_gradients() -> float:
        with torch.no_grad():
            return forward()

    def with_gradients() -> float:
        with torch.enable_grad():
            return backward()

    runs = {"forward_ms": without_gradients}
    return {**runs, "backward_ms": with_gradients} if options.backward else runs


def _warmed(once: Callable[[], float], warmup: int) -> int:
    """Run it a few times; how often to repeat it in a turn."""
    last = [once() for _ in range(max(warmup, 1))][-1]
    return max(1, min(_MOST_REPEATS, ceil(_TURN_MS / last))) if last > 0 else _MOST_REPEATS


def _turn(once: Callable[[], float], repeats: int) -> float:
    """The median of the repeats; the first, with caches cold from the other version, is left out."""
    if repeats > 1:
        once()
    return median(once() for _ in range(repeats))
