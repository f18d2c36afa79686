"""What the code of each attention does, as the op graph shows it: nothing is run, nothing is judged."""

from __future__ import annotations

from attnprobe.probes.structure_facts.chains import causal_share, longest_chain
from attnprobe.probes.structure_facts.metrics import CAUSAL_SHARE, METRICS, STACKED
from attnprobe.records import Measurement, NotMeasured, Probe, ProbeResult, Subject


def _run(subject: Subject) -> ProbeResult:
    trace = subject.trace
    found: list[Measurement] = []
    missing: list[NotMeasured] = []
    of_sites = [metric.name for metric in METRICS if metric.level == "site"]
    for site, facts in zip(trace.sites, trace.structures, strict=True):
        for name in of_sites:
            value = facts[name]
            if isinstance(value, str):
                missing.append(NotMeasured(metric=name, site=site.id, reason=value))
            else:
                found.append(Measurement(metric=name, site=site.id, value=value))
    found.append(Measurement(metric=STACKED.name, site="", value=longest_chain(trace)))
    share = causal_share(trace)
    if share is None:
        reason = "the model has no self-attention over more than one token"
        missing.append(NotMeasured(metric=CAUSAL_SHARE.name, site="", reason=reason))
    else:
        found.append(Measurement(metric=CAUSAL_SHARE.name, site="", value=share))
    return ProbeResult(measurements=tuple(found), not_measured=tuple(missing))


probe = Probe(name="structure", depth="static", metrics=METRICS, run=_run)
