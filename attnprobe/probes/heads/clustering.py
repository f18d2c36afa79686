"""Groups of alike things by average linkage. No torch."""

from __future__ import annotations

from collections.abc import Sequence

Pairs = Sequence[Sequence[float | None]]


def clusters(similarity: Pairs, least: float) -> tuple[tuple[int, ...], ...]:
    """Join the two groups of the highest mean similarity for as long as it is above `least`.

    Args:
        similarity: [n][n], symmetric; None counts as 0.
        least: Two groups stay apart at or below it.

    Returns:
        The groups, each ascending, by their first member.
    """
    groups: list[tuple[int, ...]] = [(number,) for number in range(len(similarity))]
    between = [[float(value or 0.0) for value in row] for row in similarity]
    while len(groups) > 1:
        found = ((between[a][b], a, b) for b in range(len(groups)) for a in range(b))
        best, a, b = max(found, key=lambda entry: (entry[0], -entry[1], -entry[2]))
        if not best > least:
            break
        _join(groups, between, a, b)
    return tuple(sorted(tuple(sorted(group)) for group in groups))


def _join(groups: list[tuple[int, ...]], between: list[list[float]], a: int, b: int) -> None:
    """Put group b into group a; similarities to the rest become weighted means."""
    size_a, size_b = len(groups[a]), len(groups[b])
    for other in range(len(groups)):
        mean = (size_a * between[a][other] + size_b * between[b][other]) / (size_a + size_b)
        between[a][other] = between[other][a] = mean
    groups[a] += groups[b]
    del groups[b], between[b]
    for row in between:
        del row[b]
