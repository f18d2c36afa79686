"""Heads that are one-hot and yet leave most keys out: saturated, and no positional pattern."""

from __future__ import annotations

from typing import Any

from attnprobe.probes.map_statistics.metrics import map_metric
from attnprobe.probes.map_statistics.results import probe_result, results
from attnprobe.records import AttentionSite, Measurement, NotMeasured, Probe, ProbeResult, Subject

METRICS = (
    map_metric(
        "blind_saturation",
        "Share of a head that is one-hot and leaves keys out",
        "min(saturated_queries, unattended_keys): both the share of queries with max_j p_ij > 0.99 and the "
        "share of keys that get less than a tenth of what uniform attention gives them.",
        "A head that gives all to a sink has a high value too, and may do so on purpose: see sink_mass.",
        exactness="sampled",
        source="Measured: 0.01 at most in a trained encoder with a perfect previous-token head, above 0.9 "
        "where its queries are multiplied by 20.",
        topic="gradients",
        # What the softmax lets through follows from the size of the scores, which random ids show as well.
        needs_data=False,
    ),
)


def _run(subject: Subject) -> ProbeResult:
    sharpness, keys = (subject.watched.get(name) for name in ("saturation", "key_mass"))
    if sharpness is None or keys is None:
        reason = "it needs the probes saturation and key_mass"
        return ProbeResult(not_measured=(NotMeasured(metric="blind_saturation", site="", reason=reason),))

    def read(index: int, site: AttentionSite) -> dict[str, Any]:
        from torch import minimum

        one_hot, left_out = sharpness.mean(index, "saturated"), keys.mean(index, "unattended")
        if one_hot.shape != left_out.shape:
            return {"blind_saturation": "its sharpness and its coverage are not known of the same heads"}
        return {"blind_saturation": minimum(one_hot, left_out)}

    def reason_of(index: int) -> str:
        found: str = sharpness.reason(index) or keys.reason(index)
        return found

    found: list[Measurement | NotMeasured] = results(subject, METRICS, reason_of, read)
    return probe_result(found)


probe = Probe(
    name="blind_saturation", depth="measured", metrics=METRICS, run=_run, after=("saturation", "key_mass")
)
