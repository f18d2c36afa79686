"""How many of its dims a head needs for its scores: is it as wide as what it has to tell apart?"""

from __future__ import annotations

from typing import Any

from attnprobe.probes.heads.gathering import Gathered
from attnprobe.records import Metric, Probe, ProbeResult, Subject

_ENERGY = 0.95
_COMMON = (
    "Singular values of the scores q kᵀ, keys centred (their mean changes no softmax), from the products of "
    "queries and of keys of all real tokens, at most 1,024 of a batch: the fewest that hold "
    f"{_ENERGY:.0%} of Σ σ²"
)
_LIMITS = (
    "Biases on the scores and masks are left out. A head that needs few dims may still be one that matters."
)

METRICS = (
    Metric(
        name="score_rank",
        title="Dims that a head's scores need",
        unit="1",
        level="head",
        exactness="sampled",
        method=f"{_COMMON}. The site's number is the mean over heads.",
        source="Bhojanapalli et al. 2020, arXiv:2002.07028: n tokens may need rank n, a head gives head_dim",
        not_said=_LIMITS,
        needs_data=True,
        topic="information",
    ),
    Metric(
        name="score_rank_share",
        title="Share of its width that a head's scores need",
        unit="1",
        level="head",
        exactness="sampled",
        method=f"{_COMMON}, divided by head_dim. Near 1 the head has no dim to spare. The site's number is "
        f"the "
        "mean over heads.",
        source="Bhojanapalli et al. 2020, arXiv:2002.07028",
        not_said=_LIMITS,
        needs_data=True,
        topic="information",
    ),
)


def _watch(subject: Subject) -> Any:
    from attnprobe.probes.heads.scores import ScoreWatcher

    return ScoreWatcher()


def _run(subject: Subject) -> ProbeResult:
    from attnprobe.probes.heads.scores import score_rank

    gathered, sums = Gathered(), subject.watched["score_rank"].sums
    for index, site in enumerate(subject.trace.sites):
        found = score_rank(sums, index, _ENERGY)
        if isinstance(found, str):
            gathered.missing((metric.name for metric in METRICS), site.id, found)
            continue
        ranks, width = found
        gathered.heads("score_rank", site.id, ranks, "its queries or its keys are all alike")
        shares = [None if rank is None else rank / width for rank in ranks]
        gathered.heads("score_rank_share", site.id, shares, "its queries or its keys are all alike")
    return gathered.result()


probe = Probe(name="score_rank", depth="measured", metrics=METRICS, run=_run, watch=_watch)
