"""A model of a few sites with the numbers that a test gives them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from attnprobe.checking.packs import metric_dictionary
from attnprobe.name_patterns import common_pattern
from attnprobe.records import AttentionSite, Location, NotMeasured, Number, Scan
from tests.report.sample_scans import empty_scan, gpt_site

Values = Mapping[str, Number | None]


def site(
    number: int, metrics: Values, *, heads: Mapping[str, tuple[Number | None, ...]] | None = None
) -> AttentionSite:
    """Site h.<number>.attn at line 10 + number, its scores at line 50; two heads."""
    return replace(
        gpt_site(3),
        id=f"h.{number}.attn",
        module=f"h.{number}.attn",
        num_heads=2,
        num_kv_heads=2,
        kv_len=4096,
        location=Location("model.py", 10 + number, "forward"),
        lines={"scores": Location("model.py", 50, "forward")},
        metrics=metrics,
        head_metrics=heads or {},
    )


def scan_of(
    *sites: AttentionSite,
    totals: Values | None = None,
    missing: tuple[NotMeasured, ...] = (),
    data: str = "given",
) -> Scan:
    """A scan of these sites, all alike, with our metric dictionary."""
    group = common_pattern([each.id for each in sites]) if sites else ""
    scan = empty_scan()
    return replace(
        scan,
        sites=tuple(replace(each, group=group) for each in sites),
        metrics=metric_dictionary(),
        totals=totals or {},
        not_measured=missing,
        workload=replace(scan.workload, data=data),
    )
