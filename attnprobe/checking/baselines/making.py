"""A judged scan as a baseline."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from math import isfinite
from typing import TypeGuard

from attnprobe.checking.baselines.baseline_file import SCHEMA_VERSION, Baseline, Entry, Header
from attnprobe.errors import BaselineError
from attnprobe.records import Finding, Number, Scan, Settings, Workload


def made_of(scan: Scan, settings: Settings) -> Baseline:
    """The findings of a judged scan, and its exact costs.

    Findings about a change are left out: they belong to the two scans that were compared.

    Raises:
        BaselineError: The scan was not judged.
    """
    if scan.judgement is None:
        raise BaselineError("the scan was not judged", hint="`attnprobe check` judges a scan.")
    lasting = (each for each in scan.findings if _level(scan, each) != "change")
    return Baseline(
        schema=SCHEMA_VERSION,
        tool=f"{scan.tool.name} {scan.tool.version}",
        date=settings.today,
        header=header_of(scan),
        totals=_exact_costs(scan),
        entries=entries_of(scan, lasting),
    )


def header_of(scan: Scan) -> Header:
    """What a scan was made of, as far as its findings hang on it."""
    workload = scan.workload
    return Header(
        target=scan.model.entry,
        inputs=", ".join(
            f"{each.name}:{each.dtype}[{','.join(map(str, each.shape))}]" for each in workload.inputs
        ),
        mode=_mode(workload),
        device=re.split(r"\W", workload.device, maxsplit=1)[0],
        dtype=workload.dtype,
        torch=".".join(scan.environment.torch.partition("+")[0].split(".")[:2]),
        depth=workload.depth,
        ruleset=scan.judgement.ruleset if scan.judgement else "",
    )


def entries_of(scan: Scan, findings: Iterable[Finding]) -> tuple[Entry, ...]:
    """One entry per fingerprint. Findings that share one count together, with the numbers of the first."""
    found: dict[str, Entry] = {}
    for finding in findings:
        entry = _entry(scan, finding)
        before = found.get(entry.fingerprint)
        found[entry.fingerprint] = replace(before, count=before.count + entry.count) if before else entry
    return tuple(found.values())


def count_of(finding: Finding) -> int:
    """Places of a finding: heads where it names heads, else sites; 1 for the whole model."""
    places = sum(max(1, len(each.heads)) for each in finding.instances)
    return places or len(finding.sites) or 1


def exact_evidence(scan: Scan, finding: Finding) -> Mapping[str, Number]:
    """The numbers of a finding that are the same at every run, by name."""
    return {
        name: value
        for name, value in sorted(finding.evidence.items())
        if _is_number(value) and name in scan.metrics and scan.metrics[name].exactness == "exact"
    }


def _entry(scan: Scan, finding: Finding) -> Entry:
    mechanisms = {site.mechanism for site in scan.sites if site.id in finding.sites}
    return Entry(
        fingerprint=finding.fingerprint,
        rule=finding.rule,
        where=finding.where or ", ".join(finding.sites),
        kind=", ".join(sorted(mechanisms)),
        level=_level(scan, finding),
        count=count_of(finding),
        metrics=exact_evidence(scan, finding),
    )


def _level(scan: Scan, finding: Finding) -> str:
    return scan.rules[finding.rule].level if finding.rule in scan.rules else ""


def _mode(workload: Workload) -> str:
    layers = "training" if workload.train else "evaluation"
    return f"{layers}, {'with' if workload.backward else 'without'} gradients"


def _exact_costs(scan: Scan) -> Mapping[str, Number]:
    return {
        name: value
        for name, value in sorted(scan.totals.items())
        if _is_number(value)
        and name in scan.metrics
        and scan.metrics[name].exactness == "exact"
        and scan.metrics[name].topic == "cost"
    }


def _is_number(value: object) -> TypeGuard[Number]:
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)
