"""What each key receives: sinks, keys that nobody attends, padding, the future."""

from __future__ import annotations

from statistics import median
from typing import Any

from attnprobe.probes.map_statistics.key_mass_metrics import METRICS, SINK
from attnprobe.probes.map_statistics.results import (
    OfHeads,
    Value,
    all_heads,
    of_model,
    probe_result,
    result,
    results,
    share_above,
)
from attnprobe.records import AttentionSite, Probe, ProbeResult, Subject


def _watch(subject: Subject) -> Any:
    from attnprobe.probes.map_statistics.key_masses import KeyMassWatcher

    return KeyMassWatcher()


def _run(subject: Subject) -> ProbeResult:
    watcher = subject.watched["key_mass"]
    of_sites = [metric for metric in METRICS if metric.level != "model"]

    def read(index: int, site: AttentionSite) -> dict[str, Value]:
        return {
            **_sink(watcher, index),
            "largest_key_mass": watcher.mean(index, "largest"),
            "column_entropy": watcher.mean(index, "column_entropy"),
            "unattended_keys": watcher.mean(index, "unattended"),
            "padding_mass": _padding(watcher, index),
            "fully_masked_queries": watcher.sums.get(index, "fully_masked"),
            **_order(watcher, index),
        }

    found = results(subject, of_sites, watcher.reason, read)
    for metric in ("sink_mass", "column_entropy", "unattended_keys"):
        found.append(of_model(metric, all_heads(found, metric), median))
    found.append(of_model("sink_heads", all_heads(found, "sink_mass"), share_above(SINK)))
    found.append(result("unseen_positions", "", _unseen(watcher, subject)))
    return probe_result(found)


def _sink(watcher: Any, index: int) -> dict[str, Value]:
    first = watcher.mean(index, "first")  # [H, 4]
    known = first.nan_to_num(-1.0)
    mass = first.gather(1, known.argmax(1, keepdim=True)).squeeze(1)
    return {
        "sink_mass": mass,
        "sink_position": OfHeads(float(known.mean(0).argmax()), known.argmax(1).double()),
        "sink_heads": (mass > SINK).double().mean(),
    }


def _padding(watcher: Any, index: int) -> Value:
    if watcher.sums.get(index, "padding") is None:
        return "no padding among its keys"
    return watcher.mean(index, "padding")


def _order(watcher: Any, index: int) -> dict[str, Value]:
    visible = watcher.sums.get(index, "visible_later")
    names = ("attended_distance", "visible_future", "future_mass", "largest_future_mass")
    if visible is None:
        return dict.fromkeys(names, "its queries and keys are not the same tokens in the same order")
    most = watcher.sums.get(index, "most_later")
    return {
        "attended_distance": watcher.mean(index, "distance"),
        "visible_future": visible,
        "future_mass": watcher.mean(index, "later"),
        "largest_future_mass": OfHeads(float(most.max()), most),
    }


def _unseen(watcher: Any, subject: Subject) -> Value:
    sites = [(i, s) for i, s in enumerate(subject.trace.sites) if s.role != "channel"]
    without = [s.id for i, s in sites if watcher.reason(i) or s.windows != 1]
    if without:
        return f"not all attentions of the model could be followed by token: {without[0]}"
    unseen, positions = (watcher.sums.get(-1, name) for name in ("unseen", "positions"))
    if unseen is None or not positions:
        return "no position that could be attended"
    return unseen / positions


probe = Probe(name="key_mass", depth="measured", metrics=METRICS, run=_run, watch=_watch)
