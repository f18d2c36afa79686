"""Entries of the metric dictionary that numbers about maps have in common."""

from __future__ import annotations

from attnprobe.records import Exactness, Level, Metric, Topic

SAMPLE = "mean over all queries of sequences up to 256, else over 256 spread over the positions. "
LENGTH = "It depends on the sequence length: compare scans of one length only. "


def map_metric(
    name: str,
    title: str,
    method: str,
    not_said: str,
    *,
    level: Level = "head",
    exactness: Exactness = "exact",
    unit: str = "1",
    source: str = "",
    topic: Topic = "information",
    needs_data: bool = True,
    headline: bool = False,
    labels: tuple[str, ...] = (),
) -> Metric:
    """A metric of attention maps; random inputs make most of them mean little."""
    return Metric(
        name=name,
        title=title,
        unit=unit,
        level=level,
        exactness=exactness,
        method=method,
        source=source,
        not_said=not_said,
        needs_data=needs_data,
        topic=topic,
        headline=headline,
        labels=labels,
    )
