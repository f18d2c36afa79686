"""How the metrics of approximability are declared. No torch."""

from __future__ import annotations

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
    return Metric(
        name=name,
        title=title,
        unit=unit,
        level="head",
        exactness=exactness,
        method=method + " A site's is the mean over its heads.",
        source=source,
        not_said=not_said,
        needs_data=True,
        topic="approximability",
        headline=headline,
    )
