"""Operators and kernels that ran inside the module of each site."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from attnprobe.probes.counting.formulas import find_formula, is_fused_attention

PREFIX = "attn::"


@dataclass(frozen=True, slots=True)
class SiteRun:
    """What one site ran in one forward."""

    operators: tuple[str, ...]  # "aten::bmm", in order, the innermost that a formula knows
    kernels: tuple[str, ...]  # GPU kernels, in order
    kernel_ms: float

    @property
    def core(self) -> str:
        """The fused attention op, or the products in order of first use."""
        fused = [name for name in self.operators if is_fused_attention(name.replace("::", "."))]
        return ", ".join(dict.fromkeys(fused or self.operators))


def site_runs(events: Iterable[Any]) -> Mapping[str, SiteRun]:
    """What ran under each `attn::` label of a profile; the last run of a label counts."""
    found = {}
    for event in events:
        if event.name.startswith(PREFIX) and "CPU" in str(event.device_type):
            inside = list(_descendants(event))
            kernels = [kernel for child in inside for kernel in child.kernels]
            found[event.name.removeprefix(PREFIX)] = SiteRun(
                operators=tuple(_innermost(inside)),
                kernels=tuple(kernel.name for kernel in kernels),
                kernel_ms=sum(kernel.duration for kernel in kernels) / 1e3,
            )
    return found


def _descendants(event: Any) -> Iterator[Any]:
    for child in event.cpu_children:
        yield child
        yield from _descendants(child)


def _innermost(events: Iterable[Any]) -> Iterator[str]:
    """Names of ops with a formula that call no other op with a formula."""
    for event in events:
        if _is_known(event.name) and not any(_is_known(child.name) for child in _descendants(event)):
            yield event.name


def _is_known(name: str) -> bool:
    return find_formula(name.replace("::", ".")) is not None
