"""Heads whose map is told by the distance between query and key, whatever the tokens are."""

from __future__ import annotations

from typing import Any

from attnprobe.probes.approximating.metrics import END_TO_END, ERROR, SAMPLE, approximability
from attnprobe.records import Probe, ProbeResult, Subject

_SOURCE = "Hassid et al. 2022, arXiv:2211.03495; Raganato et al. 2020, arXiv:2002.10260"

METRICS = (
    approximability(
        "relative_position_share",
        "Share of the map that the distance between query and key tells",
        "1 - Σ (p_ij - m_ij)² / Σ (p_ij - 1 / n_i)², n_i keys being visible to query i; m_ij is the mean of "
        "n p over all pairs of the same batch with the same j - i, scaled so that each row sums to 1."
        + SAMPLE,
        source=_SOURCE,
        not_said="Positions in two dimensions: rows of an image follow each other, so a head that looks one "
        "row up is positional, one that looks at the border is not. For fixed positions see "
        "key_position_share.",
        headline=True,
    ),
    approximability(
        "static_error",
        "Error of a head's output from a map of the distance alone",
        ERROR
        + "gives key j the mean of n p over all pairs of the same batch with the same j - i, scaled so that "
        "each row keeps its sum." + SAMPLE,
        source=_SOURCE,
        not_said=END_TO_END
        + " How a mean taken elsewhere would do: it is fitted on the data that it is tested on.",
    ),
)


def _watch(subject: Subject) -> Any:
    from attnprobe.probes.approximating.static_maps import StaticMapWatcher

    return StaticMapWatcher()


def _run(subject: Subject) -> ProbeResult:
    from attnprobe.probes.approximating.static_maps import numbers
    from attnprobe.probes.approximating.watching import result_of

    nothing = "its output is zero, its map is uniform, or no query sees a key"
    return result_of(subject, "positional_heads", METRICS, numbers, nothing=nothing)


probe = Probe(name="positional_heads", depth="measured", metrics=METRICS, run=_run, watch=_watch)
