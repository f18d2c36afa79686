"""The metric dictionary: every metric of every probe, by topic. docs/metrics.md is printed from it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import get_args

from attnprobe.records import Metric, Probe, Topic
from attnprobe.registry import Plugin, discover

TOPICS: Mapping[Topic, str] = {
    "cost": "What attention costs",
    "gradients": "Gradients: does the signal to learn from arrive",
    "heads": "Heads: which matter, which are copies, which do nothing",
    "information": "Information: what is attended, what is lost",
    "approximability": "Approximability: what a cheaper attention would lose",
    "correctness": "Correctness: does it do what attention is meant to do",
    "structure": "Structure: what the code computes, read from the op graph",
}
LEVELS = {"head": "head and site", "site": "site", "model": "model"}
EXACTNESS = {
    "exact": "exact: the same at every run",
    "sampled": "sampled: an estimate from part of the data",
    "noisy": "noisy: depends on the machine and the moment",
    "modelled": "modelled: a prediction, not a measurement",
}
assert tuple(TOPICS) == get_args(Topic)

_HEADER = """\
# Metrics

Printed by `python -m attnprobe.dictionary > docs/metrics.md`; `attnprobe explain METRIC` prints one of them.
How they hang together: [numbers.md](numbers.md).
"""


@dataclass(frozen=True, slots=True)
class Entry:
    """A metric and the probe that measures it."""

    metric: Metric
    origin: str  # "attnprobe.probes.flops", or the plug-in's


def entries(*, own: bool = False) -> Mapping[str, Entry]:
    """Every metric by its name.

    Args:
        own: Leave out what other packages plug in.

    Raises:
        PluginError: A probe does not import.
    """
    group = "" if own else "attnprobe.probes"
    probes: Mapping[str, Plugin[Probe]] = discover("attnprobe.probes", "probe", group=group)
    return {
        metric.name: Entry(metric, probe.origin)
        for probe in probes.values()
        for metric in probe.value.metrics
    }


def probes_of(metrics: Iterable[str]) -> tuple[str, ...]:
    """Names of the probes that measure these metrics, and of those whose numbers they read, sorted."""
    probes: Mapping[str, Plugin[Probe]] = discover("attnprobe.probes", "probe", group="attnprobe.probes")
    wanted = set(metrics)
    waiting = [name for name, each in probes.items() if wanted & {m.name for m in each.value.metrics}]
    found: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name in probes and name not in found:
            found.add(name)
            waiting += probes[name].value.after
    return tuple(sorted(found))


def by_topic(known: Mapping[str, Entry]) -> Iterator[tuple[Topic, tuple[Entry, ...]]]:
    """The metrics of each topic, by name; topics without any are left out."""
    for topic in TOPICS:
        own = sorted(
            (each for each in known.values() if each.metric.topic == topic), key=lambda each: each.metric.name
        )
        if own:
            yield topic, tuple(own)


def facts(entry: Entry) -> Mapping[str, str]:
    """All that is said of a metric, under the words that every listing uses; empty ones are left out."""
    metric = entry.metric
    rows = {
        "Unit": "plain number" if metric.unit == "1" else metric.unit,
        "Of each": LEVELS[metric.level],
        "Values": ", ".join(f"{number}: {label}" for number, label in enumerate(metric.labels)),
        "Certainty": EXACTNESS[metric.exactness],
        "Topic": metric.topic,
        "Needs data": "yes: on random inputs it means little" if metric.needs_data else "",
        "Found by": metric.method,
        "Not said": metric.not_said,
        "Source": metric.source,
        "Probe": entry.origin,
    }
    return {key: text for key, text in rows.items() if text}


def page(known: Mapping[str, Entry]) -> str:
    """All of it as Markdown."""
    parts = [_HEADER]
    for topic, own in by_topic(known):
        parts.append(f"\n## {TOPICS[topic]}\n")
        parts += [_section(entry) for entry in own]
    return "".join(parts)


def _section(entry: Entry) -> str:
    shown = {key: text for key, text in facts(entry).items() if key not in ("Topic", "Probe")}
    rows = "\n".join(f"- {key}: {text}" for key, text in shown.items())
    return f"\n### `{entry.metric.name}`\n\n{entry.metric.title}.\n\n{rows}\n"


if __name__ == "__main__":  # python -m attnprobe.dictionary > docs/metrics.md
    print(page(entries(own=True)), end="")
