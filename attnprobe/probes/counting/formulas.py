"""The register of FLOP formulas: one small function per family of ops, found by the op's name.

One multiply-add counts as 2 FLOPs. Bias additions, scaling, softmax and other elementwise work are not FLOPs
here; they are counted apart (`elementwise_operations`).

Another package adds the formula of its own op from a probe plug-in (entry point `attnprobe.probes`):

    from attnprobe.probes.counting.formulas import formula

    @formula("my_extension.attend")
    def attend(call):
        batch, heads, q_len, head_dim = call.shape(0)
        return 4 * batch * heads * q_len * call.shape(1)[2] * head_dim
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from attnprobe.errors import PluginError
from attnprobe.probes.counting.call import OpCall


@dataclass(frozen=True, slots=True)
class Flops:
    """FLOPs of one op. A fused attention op says which part of it they belong to; any other op is `plain`."""

    plain: int = 0
    scores: int = 0
    values: int = 0
    projections: int = 0

    @property
    def total(self) -> int:
        """All of them."""
        return self.plain + self.scores + self.values + self.projections


Formula = Callable[[OpCall], Flops]

_FORMULAS: dict[str, Formula] = {}
_CONVOLUTIONS: set[str] = set()
_FUSED: set[str] = set()


def formula(*names: str) -> Callable[[Callable[[OpCall], int]], Callable[[OpCall], int]]:
    """Register the formula of ordinary ops: a function from a call to FLOPs.

    Args:
        names: "namespace.op" without the overload; the in-place variant `op_` is included.

    Raises:
        PluginError: An op of that name has a formula already.
    """

    def register(function: Callable[[OpCall], int]) -> Callable[[OpCall], int]:
        _add(names, lambda call: Flops(plain=function(call)))
        return function

    return register


def attention_formula(*names: str) -> Callable[[Formula], Formula]:
    """Register the formula of fused attention ops: it splits its FLOPs into scores, values, projections.

    Raises:
        PluginError: An op of that name has a formula already.
    """

    def register(function: Formula) -> Formula:
        _add(names, function)
        _FUSED.update(names)
        return function

    return register


def convolution_formula(*names: str) -> Callable[[Callable[[OpCall], int]], Callable[[OpCall], int]]:
    """Register the formula of convolutions, which are shown as a part of their own.

    Raises:
        PluginError: An op of that name has a formula already.
    """
    _CONVOLUTIONS.update(names)
    return formula(*names)


def _add(names: tuple[str, ...], function: Formula) -> None:
    for name in names:
        if name in _FORMULAS:
            raise PluginError(f"two FLOP formulas for the op '{name}'")
        _FORMULAS[name] = function


@cache
def packet(name: str) -> str:
    """Namespace and op, without overload and in-place mark: "aten.addmm_.default" -> "aten.addmm"."""
    parts = name.removeprefix("higher_order.").split(".")
    short = ".".join(parts[:2]) if len(parts) > 1 else parts[0]
    return short.rstrip("_") if short.endswith("_") and not short.endswith("__") else short


def find_formula(name: str) -> Formula | None:
    """The formula of an op by its full name; None when it has none."""
    return _FORMULAS.get(packet(name))


def is_convolution(name: str) -> bool:
    """Whether an op is a convolution."""
    return packet(name) in _CONVOLUTIONS


def is_fused_attention(name: str) -> bool:
    """Whether one op computes scores, normaliser and values together."""
    return packet(name) in _FUSED


def known_ops() -> tuple[str, ...]:
    """Names of all ops with a formula."""
    return tuple(sorted(_FORMULAS))
