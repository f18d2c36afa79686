"""Where two counts of the same forward pass part."""

from __future__ import annotations

from collections.abc import Mapping

_SHOWN = 4
_OPS_SHOWN = 10


def module_differences(ours: Mapping[str, int], theirs: Mapping[str, int]) -> tuple[str, ...]:
    """A phrase per module whose own work (submodules apart) is counted differently, largest first."""
    gaps = {
        name: (mine, other)
        for name in sorted({*ours, *theirs})
        if (mine := own(name, ours)) != (other := own(name, theirs))
    }
    ranked = sorted(gaps.items(), key=lambda item: -abs(item[1][1] - item[1][0]))
    shown = [f"{name or 'the model itself'}: {mine} here, {other} there" for name, (mine, other) in ranked]
    return (
        (*shown[:_SHOWN], f"and {len(shown) - _SHOWN} modules more") if len(shown) > _SHOWN else tuple(shown)
    )


def own(name: str, totals: Mapping[str, int]) -> int:
    """A module's count without that of its direct submodules."""
    prefix = f"{name}." if name else ""
    children = (
        total
        for other, total in totals.items()
        if other and other.startswith(prefix) and "." not in other.removeprefix(prefix)
    )
    return totals.get(name, 0) - sum(children)


def unsupported_ops(counts: Mapping[str, int]) -> str:
    """ "aten::softmax ×2, aten::mul ×7", the most frequent first; "" when there are none."""
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    shown = [f"{name} ×{number}" for name, number in ranked[:_OPS_SHOWN]]
    return ", ".join(shown) + (f" and {len(ranked) - _OPS_SHOWN} more" if len(ranked) > _OPS_SHOWN else "")
