"""Which sites belong to one stack of layers, and why hidden states are missing. No torch."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping

from attnprobe.records import AttentionSite, Measurement, NotMeasured, Stream, Trace


def stack_of(site: AttentionSite) -> str:
    """The container of the layers that a site stands in: "encoder.layer" for "encoder.layer.3.attention"."""
    names = site.module.split(".")
    numbers = [place for place, name in enumerate(names) if name.isdigit()]
    return ".".join(names[: numbers[0]]) if numbers else ""


def first_of_stack(sites: Iterable[AttentionSite]) -> Mapping[str, int]:
    """Stack -> index of its first site."""
    found: dict[str, int] = {}
    for index, site in enumerate(sites):
        found.setdefault(stack_of(site), index)
    return found


def stream_of(trace: Trace, index: int) -> Stream | None:
    """The hidden states round a site, where they are known."""
    return trace.streams[index] if index < len(trace.streams) else None


def why_no_stream(trace: Trace, index: int, *names: str) -> str:
    """Why some of the hidden states of a site were not seen; "" if the trace has them all."""
    stream = stream_of(trace, index)
    absent = [name for name in names if stream is None or getattr(stream, name) is None]
    words = {
        "entry": "the hidden states that it starts from",
        "branch": "what it gives back",
        "exit": "the hidden states after it",
    }
    return f"{' and '.join(words[name] for name in absent)} could not be told" if absent else ""


def results(metric: str, values: Mapping[str, float | str]) -> Iterator[Measurement | NotMeasured]:
    """One record per site; a text is the reason why there is no number."""
    for site, value in values.items():
        if isinstance(value, str):
            yield NotMeasured(metric=metric, site=site, reason=value)
        elif not math.isfinite(value):
            yield NotMeasured(metric=metric, site=site, reason=f"the hidden states make it {value}")
        else:
            yield Measurement(metric=metric, site=site, value=value)
