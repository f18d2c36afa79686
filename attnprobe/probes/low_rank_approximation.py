"""How few directions each head's map needs, and what it loses with 16 of them."""

from __future__ import annotations

from typing import Any

from attnprobe.probes.approximating.metrics import END_TO_END, ERROR, approximability
from attnprobe.records import Metric, Probe, ProbeResult, Subject

_LINFORMER = "Wang et al. 2020, arXiv:2006.04768"
_SAMPLE = (
    " Of up to 128 sampled queries per sequence, fewer where their rows would take over 32 MiB: a rank "
    "cannot exceed their number."
)
_SPECTRUM = " λ are the squared singular values of A - 1 aᵀ, a its mean row over real queries." + _SAMPLE
_UPPER = (
    " This is nearly the best that any map of that rank can do for these very rows; a fixed projection of "
    "the keys does worse."
)
_GATE = "Whether the rows differ at all: see differing_map_share; of a nearly constant map this is noise."


def _rank(name: str, title: str, method: str, source: str, *, is_share: bool = False) -> Metric:
    rest = " Divided by the smaller of sampled queries and visible keys." if is_share else ""
    return approximability(
        name,
        title + (", against full rank" if is_share else ""),
        f"{method}, mean over sequences.{rest}{_SPECTRUM}",
        source=source,
        not_said=_GATE
        + ("" if is_share else " Grows with the length of the data; compare at equal lengths."),
    )


_EFFECTIVE = (
    "Effective rank of the map",
    "exp(-Σ π log π), π = λ / Σ λ",
    "Roy and Vetterli 2007, with squared singular values",
)
_FOR_90 = (
    "Rank that holds 90 % of the map's energy",
    "Smallest r with Σ of the r largest λ ≥ 0.9 Σ λ",
    _LINFORMER,
)

METRICS = (
    approximability(
        "differing_map_share",
        "Share of the map's energy by which its rows differ",
        "‖A - 1 aᵀ‖² / ‖A‖², a the mean row over real queries." + _SAMPLE,
        source="Wang et al. 2022, arXiv:2203.05962",
        not_said="Whether they differ by content: under a causal mask rows differ even when each is uniform.",
    ),
    _rank("map_effective_rank", *_EFFECTIVE),
    _rank("map_effective_rank_share", *_EFFECTIVE, is_share=True),
    _rank("map_rank_for_90", *_FOR_90),
    _rank("map_rank_for_90_share", *_FOR_90, is_share=True),
    approximability(
        "rank_16_error",
        "Error of a head's output from a map of rank 16",
        ERROR + "is the mean row and the 15 strongest directions of what is left." + _SAMPLE,
        source=_LINFORMER,
        not_said=END_TO_END + _UPPER + " Below 0.001 it is rounding.",
        headline=True,
    ),
)


def _watch(subject: Subject) -> Any:
    from attnprobe.probes.approximating.ranks import RankWatcher

    return RankWatcher()


def _run(subject: Subject) -> ProbeResult:
    from attnprobe.probes.approximating.ranks import numbers
    from attnprobe.probes.approximating.watching import result_of

    return result_of(
        subject,
        "low_rank_approximation",
        METRICS,
        numbers,
        nothing="its rows are all the same, or its output is zero",
    )


probe = Probe(name="low_rank_approximation", depth="measured", metrics=METRICS, run=_run, watch=_watch)
