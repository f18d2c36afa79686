"""A line as small as a word: how a metric moves over the depth of the model."""

from __future__ import annotations

from collections.abc import Sequence

from attnprobe.report.page.health.scale import scale_of
from attnprobe.report.parts.readings import Values, middle

WIDTH, HEIGHT, MARGIN = 200, 40, 4
POINTS_DRAWN = 40


def spark(found: Sequence[Values]) -> str:
    """The path of a line through the median of each site in order; "" for fewer than three."""
    medians = [middle(each.known) for each in found]
    if len(medians) < 3:
        return ""
    size = -(-len(medians) // POINTS_DRAWN)
    points = [middle(medians[start : start + size]) for start in range(0, len(medians), size)]
    scale = scale_of(points)
    step = WIDTH / (len(points) - 1)
    room = HEIGHT - 2 * MARGIN
    places = (
        f"{place * step:.0f},{HEIGHT - MARGIN - scale.at(value) * room:.0f}"
        for place, value in enumerate(points)
    )
    return "M" + "L".join(places)
