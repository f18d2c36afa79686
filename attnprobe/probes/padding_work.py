"""How much of the attention's work is spent on padding."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attnprobe.probes.graph_reading.results import Found, records, result
from attnprobe.records import Measurement, Metric, Probe, ProbeResult, Subject

if TYPE_CHECKING:
    from attnprobe.observing.sums import Sums

_NO_PADDING = "no padding was found among the inputs: no mask named so, no ids at an embedding's padding_idx"

METRICS = (
    Metric(
        name="padding_work_share",
        title="Share of the pairs of query and key with padding among them",
        unit="1",
        level="site",
        exactness="exact",
        method="1 - Σ real queries · real keys / Σ q_len · kv_len over all samples of the batches; of the "
        "model as well, over all sites. Padding is told by masks among the inputs or an embedding's "
        "padding_idx.",
        not_said="A mask hides padding but saves nothing. Projections waste the share of padded tokens.",
        needs_data=True,
    ),
)


def _watch(subject: Subject) -> Any:
    from attnprobe.probes.wasted_work.padding_pairs import PaddingWatcher

    return PaddingWatcher()


def _run(subject: Subject) -> ProbeResult:
    sums: Sums = subject.watched["padding_work"].sums
    metric, values = METRICS[0].name, dict[str, Found]()
    pairs = real = 0.0
    for index, site in enumerate(subject.trace.sites):
        if sums.get(index, "padded") is None:
            values[site.id] = _NO_PADDING
            continue
        own, own_real = (float(sums.get(index, name) or 0) for name in ("pairs", "real"))
        pairs, real = pairs + own, real + own_real
        values[site.id] = 1 - own_real / own
    if not pairs:
        return result(records(metric, {"": _NO_PADDING}))
    return result([*records(metric, values), Measurement(metric=metric, site="", value=1 - real / pairs)])


probe = Probe(name="padding_work", depth="measured", metrics=METRICS, run=_run, watch=_watch)
