"""How the metrics of approximability are declared. No torch."""

from __future__ import annotations

from attnprobe.probes.map_statistics.metrics import map_metric
from attnprobe.records import Exactness, Metric

ERROR = "‖A_X V - A V‖ / ‖A V‖ (Frobenius, squares summed over real queries of all batches), where A_X "
SAMPLE = " All queries up to 256 keys, 64 to 256 per sequence beyond."
END_TO_END = (
    "How far the model's own output moves: one head's error is damped by the others and by the residual."
)


def approximability(
    name: str,
    title: str,
    method: str,
    *,
    unit: str = "1",
    source: str = "",
    not_said: str = "",
    exactness: Exactness = "sampled",
    headline: bool = False,
) -> Metric:
    """A metric per head, whose value for a site is the mean over its heads."""
    return map_metric(
        name,
        title,
        method + " A site's is the mean over its heads.",
        not_said,
        exactness=exactness,
        unit=unit,
        source=source,
        topic="approximability",
        headline=headline,
    )
