"""What each head would lose with a map that does not read the content."""

from __future__ import annotations

from typing import Any

from attnprobe.probes.approximating.metrics import END_TO_END, ERROR, SAMPLE, approximability
from attnprobe.records import Probe, ProbeResult, Subject

_PAPA = "Hassid et al. 2022, arXiv:2211.03495"
_BEYOND = "p_ij - 1 / n_i, n_i keys being visible to query i"

METRICS = (
    approximability(
        "uniform_error",
        "Error of a head's output when it averages over all visible keys",
        f"{ERROR}gives 1 / n_i to each of the n_i keys that query i sees.{SAMPLE}",
        source="mean pooling",
        not_said=END_TO_END
        + " A small error means that the head selects nothing, or that its values are alike.",
        headline=True,
    ),
    approximability(
        "key_position_share",
        "Share of the map that the key's position tells",
        f"R² of {_BEYOND}, on the position of key j (each up to 64, then 32 steps per octave).",
        source="here",
        not_said="Why: a sink takes its mass at a position whatever stands there, and so does a fixed "
        "header. Padding before the first token shifts positions.",
    ),
    approximability(
        "constant_map_share",
        "Share of the map that is the same in every sample",
        f"With c_a = {_BEYOND} of sample a: the mean of c_a · c_b over pairs of samples of one batch, "
        f"against the mean of c_a · c_a.{SAMPLE}",
        source=_PAPA,
        not_said="Whether samples differ enough to tell: two that begin alike are attended alike.",
    ),
)


def _watch(subject: Subject) -> Any:
    from attnprobe.probes.approximating.simple_maps import SimpleMapWatcher

    return SimpleMapWatcher()


def _run(subject: Subject) -> ProbeResult:
    from attnprobe.probes.approximating.simple_maps import numbers
    from attnprobe.probes.approximating.watching import result_of

    nothing = "its output is zero, its map is uniform, or no query sees a key"
    return result_of(subject, "simple_approximation", METRICS, numbers, nothing=nothing)


probe = Probe(name="simple_approximation", depth="measured", metrics=METRICS, run=_run, watch=_watch)
