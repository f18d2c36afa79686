"""A scan as flat facts: of the model, of each site, of each head. Only what somebody asks for is built."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from functools import cached_property
from math import isfinite

from attnprobe.checking.evaluating.subjects import Subject
from attnprobe.checking.expressions import Fact, Facts
from attnprobe.checking.packs.names import OF_MODEL, SITE
from attnprobe.name_patterns import common_pattern
from attnprobe.records import AttentionSite, Metric, Number, Scan, Subjects

_SITE_FIELDS = tuple(name for name in SITE if name != "group_size")


class ScanFacts:
    """The facts of one scan.

    Args:
        scan: The scan.
        names: Which facts will be asked for; others are left out.
        of_heads: Which of them will be asked of heads. None: any.
    """

    def __init__(self, scan: Scan, names: Collection[str], of_heads: Collection[str] | None = None) -> None:
        self.scan = scan
        self.names = frozenset(names)
        self.head_names = self.names if of_heads is None else frozenset((*of_heads, "group_size"))
        self._labelled = {name: m for name, m in scan.metrics.items() if m.labels and name in self.names}
        self._fields = tuple(name for name in _SITE_FIELDS if name in self.names)
        self._sizes = {name: len(sites) for name, sites in scan.groups.items()}
        self._of_sites: dict[str, Facts] = {}
        self._of_heads: dict[str, list[Facts]] = {}
        self._not_finite: dict[tuple[str, str], str] = {}

    def subjects(self, level: Subjects) -> tuple[Subject, ...]:
        """Everything of a level."""
        if level == "model":
            return (self.model,)
        return {"site": self.sites, "head": self.heads, "group": self.groups}[level]

    def reason(self, name: str, site: str) -> str:
        """Why a fact is not known."""
        metric = name if name in self.scan.metrics else name.removeprefix(OF_MODEL)
        place = "" if name != metric else site
        if (metric, place) in self._not_finite:
            return self._not_finite[metric, place]
        given = self._reasons.get((metric, place)) or self._reasons.get((metric, ""))
        if given:
            return given
        if metric in self.scan.metrics:
            return "it has no value here"
        return "it is not known" if name in SITE else "no probe of this scan measures it"

    @cached_property
    def model(self) -> Subject:
        """The whole model; its parts are the sites."""
        return Subject(self._scan_facts, parts=lambda: [self._site(site) for site in self.scan.sites])

    @cached_property
    def sites(self) -> tuple[Subject, ...]:
        """Every site; its parts are the heads."""
        return tuple(
            Subject(self._site(site), (site,), parts=self._heads_of(site), where=site.group)
            for site in self.scan.sites
        )

    @cached_property
    def heads(self) -> tuple[Subject, ...]:
        """Every head of every site."""
        return tuple(
            Subject(facts, (site,), head=number, where=site.group)
            for site in self.scan.sites
            for number, facts in enumerate(self._heads(site))
        )

    @cached_property
    def groups(self) -> tuple[Subject, ...]:
        """Every group of identical sites; its parts are the sites."""
        return tuple(
            Subject(self._group(sites), sites, parts=self._parts_of(sites), where=name)
            for name, sites in self.scan.groups.items()
        )

    @cached_property
    def _reasons(self) -> Mapping[tuple[str, str], str]:
        return {(each.metric, each.site): each.reason for each in self.scan.not_measured}

    @cached_property
    def _scan_facts(self) -> dict[str, Fact]:
        scan = self.scan
        facts: dict[str, Fact] = {}
        for name, value in scan.totals.items():
            metric = scan.metrics.get(name)
            if metric and metric.level == "model" and name in self.names:
                facts[name] = self._fact(name, value, "")
            if OF_MODEL + name in self.names:
                facts[OF_MODEL + name] = self._finite(name, value, "")
        return {**facts, **_of_scan(scan)}

    def _site(self, site: AttentionSite) -> Facts:
        known = self._of_sites.get(site.id)
        if known is None:
            facts: dict[str, Fact] = dict(self._scan_facts)
            for name in self.names & site.metrics.keys():
                facts[name] = self._fact(name, site.metrics[name], site.id)
            for name in self._fields:
                facts[name] = getattr(site, name)
            facts["group_size"] = self._sizes[site.group]
            known = self._of_sites[site.id] = facts
        return known

    def _heads(self, site: AttentionSite) -> list[Facts]:
        known = self._of_heads.get(site.id)
        if known is None:
            facts = self._site(site)
            own = tuple(self.head_names & site.head_metrics.keys())
            shared = {name: facts[name] for name in self.head_names & facts.keys()}
            rows = zip(range(site.num_heads), *(self._column(name, site) for name in own), strict=True)
            names = ("head", *own)
            known = self._of_heads[site.id] = [
                {**shared, **dict(zip(names, row, strict=True))} for row in rows
            ]
        return known

    def _column(self, name: str, site: AttentionSite) -> list[Fact]:
        """A metric of every head; None where there are fewer numbers than heads."""
        values = site.head_metrics[name][: site.num_heads]
        if name in self._labelled:
            found = [self._fact(name, value, site.id) for value in values]
        else:
            found = [v if v is None or v - v == 0 else self._finite(name, v, site.id) for v in values]
        return found + [None] * (site.num_heads - len(found))

    def _group(self, sites: tuple[AttentionSite, ...]) -> Facts:
        """What all of them share; a field in which they differ is not known."""
        fields = {
            name: values[0] if len(set(values)) == 1 else None
            for name, values in ((name, [getattr(site, name) for site in sites]) for name in self._fields)
        }
        return {**self._scan_facts, **fields, "group_size": len(sites)}

    def _heads_of(self, site: AttentionSite) -> Callable[[], list[Facts]]:
        return lambda: self._heads(site)

    def _parts_of(self, sites: tuple[AttentionSite, ...]) -> Callable[[], list[Facts]]:
        return lambda: [self._site(site) for site in sites]

    def _fact(self, name: str, value: Number | None, site: str) -> Fact:
        metric = self._labelled.get(name)
        return self._finite(name, value, site) if metric is None else _label(metric, value)

    def _finite(self, name: str, value: Number | None, site: str) -> Number | None:
        if value is None or value - value == 0:  # neither NaN nor infinite
            return value
        self._not_finite[name, site] = f"the value came out as {value}"
        return None


def where_of(sites: Collection[AttentionSite]) -> str:
    """One name for several sites: "h.{0..11}.attn"."""
    return common_pattern([site.id for site in sites])


def _label(metric: Metric, value: Number | None) -> str | None:
    if value is None or not isfinite(value) or not 0 <= value < len(metric.labels):
        return None
    return metric.labels[int(value)]


def _of_scan(scan: Scan) -> dict[str, Fact]:
    work = scan.workload
    devices = [each.device for each in scan.predictions]
    return {
        "depth": work.depth,
        "device": work.device,
        "dtype": work.dtype,
        "batch_size": work.batch_size,
        "seq_len": work.seq_len,
        "train": work.train,
        "backward": work.backward,
        "data": work.data,
        "batches": work.batches,
        "causal_declared": scan.model.causal_declared,
        "num_sites": len(scan.sites),
        "blind_spots": len(scan.blind_spots),
        "guessed_inputs": sum(each.origin == "guessed" for each in work.inputs),
        "guessed_loss": "random projection" in work.loss,
        "target_device": devices[0] if devices else None,
    }
