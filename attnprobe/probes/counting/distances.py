"""Bilinear forms, pairwise distances and Fourier transforms."""

from __future__ import annotations

from math import log2, prod

from attnprobe.probes.counting.call import OpCall
from attnprobe.probes.counting.formulas import formula


@formula("aten.bilinear")
def bilinear(call: OpCall) -> int:
    """x1 [..., I], x2 [..., J], weight [O, I, J]; per row 2 O I J for x1 and 2 O J for x2."""
    rows = prod(call.shape(0)[:-1])
    out, one, other = call.shape(2)
    return 2 * rows * out * other * (one + 1)


@formula("aten._trilinear")
def trilinear(call: OpCall) -> int:
    """sum of i1 · i2 · i3 over the summed dims: first i1 with i2, then with i3.

    Every tensor lacks the dims of its `expand` list. The first product runs over all dims but those that
    neither i1 nor i2 has; the second over all dims that its result and i3 have left.
    """
    sizes = _trilinear_sizes(call)
    summed = set(call.argument(6))
    missing = [set(call.argument(position)) for position in (3, 4, 5)]
    first = [dim for dim in range(len(sizes)) if dim not in missing[0] or dim not in missing[1]]
    gone = {dim for dim in first if dim in summed and dim in missing[2]}
    second = [dim for dim in range(len(sizes)) if dim not in gone]
    return 2 * prod(sizes[dim] for dim in first) + 2 * prod(sizes[dim] for dim in second)


def _trilinear_sizes(call: OpCall) -> tuple[int, ...]:
    """Sizes of the common index space: every input's shape with 1 inserted at its expanded dims."""
    spaces = []
    for position, expanded in zip((0, 1, 2), (3, 4, 5), strict=True):
        missing = set(call.argument(expanded))
        own = iter(call.shape(position))
        rank = len(call.shape(position)) + len(missing)
        spaces.append([1 if dim in missing else next(own) for dim in range(rank)])
    return tuple(max(sizes) for sizes in zip(*spaces, strict=True))


@formula("aten._cdist_forward", "aten.cdist")
def cdist(call: OpCall) -> int:
    """Distances [..., P, R] between rows of width M: subtract, multiply, add: 3 P R M."""
    return 3 * call.shape(0)[-1] * prod(call.output())


@formula("aten._pdist_forward")
def pdist(call: OpCall) -> int:
    """Distances between all pairs of N rows of width M: 3 M N (N - 1) / 2."""
    return 3 * call.shape(0)[-1] * prod(call.output())


@formula("aten._cdist_backward")
def cdist_backward(call: OpCall) -> int:
    """grad [..., P, R], rows of width M: subtract, scale, add for every element: 3 P R M."""
    return 3 * call.shape(1)[-1] * prod(call.shape(0))


@formula("aten._euclidean_dist")
def euclidean_dist(call: OpCall) -> int:
    """Distances by one product of rows widened by 2 (their norms and a one): 2 P R (M + 2)."""
    return 2 * (call.shape(0)[-1] + 2) * prod(call.output())


@formula("aten._fft_c2c")
def complex_fourier(call: OpCall) -> int:
    """5 N log2 N per transform of N points, the customary count of a complex FFT (Frigo and Johnson 2005)."""
    return _fourier(call.shape(0), call.argument(1), 5.0)


@formula("aten._fft_r2c")
def real_fourier(call: OpCall) -> int:
    """2.5 N log2 N per transform of N real points: half of a complex one."""
    return _fourier(call.shape(0), call.argument(1), 2.5)


@formula("aten._fft_c2r")
def inverse_real_fourier(call: OpCall) -> int:
    """2.5 N log2 N per transform to N real points."""
    return _fourier(call.output(), call.argument(1), 2.5)


def _fourier(shape: tuple[int, ...], dims: tuple[int, ...], factor: float) -> int:
    points = prod(shape[dim] for dim in dims)
    return round(factor * prod(shape) * log2(points)) if points > 1 else 0
