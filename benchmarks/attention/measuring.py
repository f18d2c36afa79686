"""CPU time of layers whose runs take turns, and the memory of one alone."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

ROUNDS = {1024: 7, 2048: 5, 4096: 4, 8192: 3}


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds of CPU, the least of all rounds."""

    forward: float
    training: float  # forward and backward


def costs(layers: Mapping[str, nn.Module], x: Tensor, *, rounds: int) -> Mapping[str, Cost]:
    """Every layer on the same input, in turns, so that a busy moment meets all of them.

    Args:
        layers: Each a function of x alone.
        x: [B, S, E].
        rounds: The first, a warm-up, is not counted.
    """
    forward = dict.fromkeys(layers, float("inf"))
    training = dict.fromkeys(layers, float("inf"))
    for number in range(rounds + 1):
        for name, layer in layers.items():
            taken = (
                _seconds(lambda layer=layer: _forward(layer, x)),
                _seconds(lambda layer=layer: _train(layer, x)),
            )
            if number:
                forward[name] = min(forward[name], taken[0])
                training[name] = min(training[name], taken[1])
    return {name: Cost(forward[name], training[name]) for name in layers}


def _seconds(run: Callable[[], None]) -> float:
    start = time.process_time()
    run()
    return time.process_time() - start


def _forward(layer: nn.Module, x: Tensor) -> None:
    with torch.no_grad():
        layer(x)


def _train(layer: nn.Module, x: Tensor) -> None:
    given = x.detach().requires_grad_()
    out = layer(given)
    (out[0] if isinstance(out, tuple) else out).sum().backward()
    layer.zero_grad()
