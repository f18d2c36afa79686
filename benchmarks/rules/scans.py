"""A scan of many sites in which every metric that a rule may read is known."""

from __future__ import annotations

import random
from dataclasses import replace

from attnprobe.checking.packs import metric_dictionary
from attnprobe.records import AttentionSite, Location, Number, Scan
from tests.report.sample_scans import empty_scan, gpt_site

HEADS = 8
LAYERS = 50  # identical ones of each group


def many_sites(count: int) -> Scan:
    """`count` sites of 8 heads in groups of 50 layers; numbers between 0 and 1, seeded."""
    draw = random.Random(0)
    metrics = metric_dictionary()
    of_sites = [name for name, metric in metrics.items() if metric.level != "model"]
    of_heads = [name for name, metric in metrics.items() if metric.level == "head"]
    sites = tuple(_site(number, of_sites, of_heads, draw) for number in range(count))
    totals: dict[str, Number | None] = {name: draw.random() for name in metrics}
    scan = empty_scan()
    return replace(
        scan,
        sites=sites,
        metrics=metrics,
        totals=totals,
        workload=replace(scan.workload, data="given"),
    )


def _site(number: int, of_sites: list[str], of_heads: list[str], draw: random.Random) -> AttentionSite:
    stage, layer = divmod(number, LAYERS)
    return replace(
        gpt_site(3),
        id=f"stage_{stage}.h.{layer}.attn",
        module=f"stage_{stage}.h.{layer}.attn",
        num_heads=HEADS,
        num_kv_heads=HEADS,
        location=Location("model.py", 10, "forward"),
        group=f"stage_{stage}.h.{{0..{LAYERS - 1}}}.attn",
        metrics={name: draw.random() for name in of_sites},
        head_metrics={name: tuple(draw.random() for _ in range(HEADS)) for name in of_heads},
    )
