"""The facts of a site that formulas of replacements read."""

from __future__ import annotations

from dataclasses import fields

from attnprobe.records import AttentionSite, Number, Scan
from attnprobe.suggesting.modelling.formulas import Fact

FIELDS = (
    *("mechanism", "normaliser", "role", "kernel", "num_heads", "num_kv_heads", "head_dim", "value_dim"),
    *("batch", "windows", "q_len", "kv_len", "is_causal", "window_left", "window_right", "visible_share"),
    *("scale", "dropout"),
)
assert {field.name for field in fields(AttentionSite)} >= set(FIELDS)


def facts_of(scan: Scan, site: AttentionSite) -> dict[str, Fact]:
    """Fields and metrics of a site by name; enumerations by their label. What is not known is left out.

    `reach` is how many keys the last query sees: all, or those of its window.
    """
    found: dict[str, Fact] = {name: getattr(site, name) for name in FIELDS}
    for name, number in site.metrics.items():
        metric = scan.metrics.get(name)
        found[name] = number if metric is None or not metric.labels else _label(metric.labels, number)
    found["reach"] = site.kv_len if site.window_left is None else min(site.kv_len, site.window_left + 1)
    return {name: fact for name, fact in found.items() if fact is not None}


def _label(labels: tuple[str, ...], number: Number | None) -> str | None:
    return labels[int(number)] if number is not None and 0 <= number < len(labels) else None
