"""What the most attended keys of each query would keep of each head."""

from __future__ import annotations

from typing import Any

from attnprobe.probes.approximating.metrics import END_TO_END, ERROR, SAMPLE, approximability
from attnprobe.records import Metric, Probe, ProbeResult, Subject

_TOP = "Gupta et al. 2021, arXiv:2106.06899"
_MASS = (
    "What happens to the output: little mass may carry much of it. How the keys would be found beforehand."
)
_SEARCH = END_TO_END + " How the keys would be found beforehand: all scores are computed here."


def _mass(name: str, part: str, divisor: int) -> Metric:
    return approximability(
        name,
        f"Attention mass of the {part} of the keys that weigh most",
        f"Mean over real queries i of the ⌈n_i / {divisor}⌉ largest p_ij summed, n_i keys being visible to i."
        + SAMPLE,
        source=_TOP,
        not_said=_MASS,
    )


METRICS = (
    _mass("top_tenth_mass", "tenth", 10),
    _mass("top_quarter_mass", "quarter", 4),
    approximability(
        "keys_for_90",
        "Keys that hold 90 % of a query's attention mass",
        "Mean over real queries of the smallest k whose k largest p_ij sum to at least 0.9." + SAMPLE,
        unit="token",
        source=_TOP,
        not_said=_MASS + " Grows with the length of the data; compare at equal lengths.",
    ),
    approximability(
        "keys_for_90_share",
        "Share of the visible keys that holds 90 % of a query's attention mass",
        "Mean over real queries i of k_i / n_i, k_i as for keys_for_90 and n_i keys being visible." + SAMPLE,
        source=_TOP,
        not_said=_MASS,
    ),
    approximability(
        "top_tenth_error",
        "Error of a head's output from a tenth of the keys",
        ERROR
        + "keeps the ⌈n_i / 10⌉ largest p_ij of each query and scales each row back to its sum."
        + SAMPLE,
        source=_TOP,
        not_said=_SEARCH,
        headline=True,
    ),
    approximability(
        "top_8_error",
        "Error of a head's output from 8 keys per query",
        ERROR + "keeps the 8 largest p_ij of each query and scales each row back to its sum." + SAMPLE,
        source=_TOP,
        not_said=_SEARCH + " Eight keys are a smaller part of a longer sequence; compare at equal lengths.",
    ),
)


def _watch(subject: Subject) -> Any:
    from attnprobe.probes.approximating.top_keys import TopKeyWatcher

    return TopKeyWatcher()


def _run(subject: Subject) -> ProbeResult:
    from attnprobe.probes.approximating.top_keys import numbers
    from attnprobe.probes.approximating.watching import result_of

    return result_of(subject, "top_key_approximation", METRICS, numbers)


probe = Probe(name="top_key_approximation", depth="measured", metrics=METRICS, run=_run, watch=_watch)
