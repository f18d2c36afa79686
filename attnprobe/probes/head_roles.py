"""How much each head looks near, at the first keys, and far away."""

from __future__ import annotations

from typing import Any

from attnprobe.probes.approximating.metrics import SAMPLE, approximability
from attnprobe.records import Probe, ProbeResult, Subject

_NEAR = " Near: |i - j| ≤ an eighth of n, the most keys that any query of the sample sees."
_PARTS = " window_eighth_mass, distant_sink_mass and far_mass add up to 1."
_DUO = "Xiao et al. 2024, arXiv:2410.10819"

METRICS = (
    approximability(
        "near_mass_lift",
        "Attention mass near the query, against uniform attention",
        "Mass near the query / mass that uniform attention has there." + _NEAR + SAMPLE,
        source="here",
        not_said="Whether the rest can be dropped: see window_eighth_error.",
    ),
    approximability(
        "distant_sink_mass",
        "Attention mass on the first 4 keys where they are not near",
        "Mean over real queries of Σ p_ij over the first 4 keys that are not near." + _NEAR + _PARTS + SAMPLE,
        source="Xiao et al. 2023, arXiv:2309.17453",
        not_said="Whether it is a sink: a header that matters gets mass at the same place.",
    ),
    approximability(
        "far_mass",
        "Attention mass neither near the query nor on the first 4 keys",
        "Mean over real queries of Σ p_ij over all other keys." + _NEAR + _PARTS + SAMPLE,
        source=_DUO,
        not_said="Whether it selects anything: uniform attention has most of its mass there, see "
        "far_mass_sharpness.",
        headline=True,
    ),
    approximability(
        "far_mass_sharpness",
        "Share of the far attention mass on each query's strongest far key",
        "Σ over real queries of the largest far p_ij / Σ of all far mass." + _NEAR + SAMPLE,
        source="here",
        not_said="What is retrieved. With little far mass it is the noise of little.",
    ),
)


def _watch(subject: Subject) -> Any:
    from attnprobe.probes.approximating.roles import RoleWatcher

    return RoleWatcher()


def _run(subject: Subject) -> ProbeResult:
    from attnprobe.probes.approximating.roles import numbers
    from attnprobe.probes.approximating.watching import result_of

    return result_of(
        subject, "head_roles", METRICS, numbers, nothing="no query sees a key, or none looks far"
    )


probe = Probe(name="head_roles", depth="measured", metrics=METRICS, run=_run, watch=_watch)
