"""Captured ops → attention cores → sites."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from attnprobe.records import Core, Op, Tensor
from attnprobe.registry import Plugin, discover
from attnprobe.tracing.axes import joins, products, reductions, views  # noqa: F401  (they register)
from attnprobe.tracing.axes.labelling import Labelling
from attnprobe.tracing.reading.scene import Pattern, Scene


def understand(ops: Sequence[Op], tensors: Sequence[Tensor], forward_end: int) -> tuple[Scene, list[Core]]:
    """Label every tensor, then let each pattern find its cores, the surest first."""
    scene = Scene(ops, tensors, Labelling(ops[:forward_end], tensors), forward_end)
    patterns = [plugin.value for plugin in discover_patterns().values()]
    cores = [
        core for pattern in sorted(patterns, key=lambda p: (p.order, p.name)) for core in pattern.find(scene)
    ]
    return scene, sorted(cores, key=lambda core: core.score_ops[0])


def discover_patterns() -> Mapping[str, Plugin[Pattern]]:
    """Every pattern of the folder and of other packages."""
    return discover("attnprobe.tracing.patterns", "pattern", group="attnprobe.patterns")
