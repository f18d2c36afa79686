"""How much an attention layer adds to the residual stream."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attnprobe.probes.representations.streams import results, stream_of, why_no_stream
from attnprobe.records import Measurement, Metric, NotMeasured, Probe, ProbeResult, Subject

if TYPE_CHECKING:
    from attnprobe.observing.sums import Sums

METRICS = (
    Metric(
        name="residual_branch_ratio",
        title="Size of what the attention adds against what was there",
        unit="1",
        level="site",
        exactness="exact",
        method="√(Σ ‖branch‖² / Σ ‖entry‖²) over real tokens; branch: what the output projection gives, as "
        "it is added to the residual stream; entry: the stream before.",
        source="After the contribution norms of Kobayashi et al. 2020, arXiv:2004.10102, for a whole layer.",
        not_said="A small addition can still matter, when later layers read just that direction.",
        topic="heads",
        needs_data=True,
        headline=True,
    ),
    Metric(
        name="residual_branch_cosine",
        title="Cosine between what the attention adds and what was there",
        unit="1",
        level="site",
        exactness="exact",
        method="Mean over real tokens of cos(branch, entry). Near 1 it scales the stream, near -1 it erases.",
        not_said="Nothing about single directions: a branch can erase one and write another.",
        topic="heads",
        needs_data=True,
    ),
)


def _watch(subject: Subject) -> Any:
    from attnprobe.probes.representations.branches import BranchWatcher

    return BranchWatcher()


def _run(subject: Subject) -> ProbeResult:
    sums: Sums = subject.watched["layer_contribution"].sums
    tables: dict[str, dict[str, float | str]] = {metric.name: {} for metric in METRICS}
    for index, site in enumerate(subject.trace.sites):
        stream = stream_of(subject.trace, index)
        reason = why_no_stream(subject.trace, index, "entry", "branch")
        if stream is not None and not reason and not stream.has_residual:
            reason = "its output is not added to what it started from: there is no residual connection"
        ratio, cosine = (reason, reason) if reason else _values(sums, index)
        tables["residual_branch_ratio"][site.id] = ratio
        tables["residual_branch_cosine"][site.id] = cosine
    found = [record for metric, values in tables.items() for record in results(metric, values)]
    return ProbeResult(
        measurements=tuple(record for record in found if isinstance(record, Measurement)),
        not_measured=tuple(record for record in found if isinstance(record, NotMeasured)),
    )


def _values(sums: Sums, index: int) -> tuple[float | str, float | str]:
    """Ratio and cosine of one site, or why there is none."""
    found = [sums.get(index, name) for name in ("entry", "branch", "cosine", "tokens")]
    if any(value is None for value in found):
        reason = "its hidden states and what it adds to them could not be laid side by side"
        return reason, reason
    entry, branch, cosine, tokens = (float(value) for value in found if value is not None)
    if not entry:
        return ("the hidden states before it are all zero",) * 2
    return (branch / entry) ** 0.5, cosine / tokens if tokens else "it adds nothing to any token"


probe = Probe(name="layer_contribution", depth="measured", metrics=METRICS, run=_run, watch=_watch)
