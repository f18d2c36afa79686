"""The one number of a scan that a budget is held against."""

from __future__ import annotations

from math import isfinite

from attnprobe.records import Number, Scan

_OF_THE_MODEL = (
    "parameter",
    "gradient_bytes",
    "optimizer_bytes",
    "training_state_bytes",
)  # whatever the inputs


def value_of(scan: Scan, metric: str) -> Number | None:
    """The total of the model; of a metric of sites without a total, the largest value of any site.

    None when it was not measured, or is not finite.
    """
    if metric in scan.totals:
        return _finite(scan.totals[metric])
    of_sites = [_finite(site.metrics[metric]) for site in scan.sites if metric in site.metrics]
    return max((value for value in of_sites if value is not None), default=None)


def missing_reason(scan: Scan, metric: str, prefix: str = "") -> str:
    """Why a scan lacks a number: its own reason where it gives one."""
    gaps = [gap for gap in scan.not_measured if gap.metric == metric]
    of_model = [gap.reason for gap in gaps if not gap.site]
    own = next(iter(of_model or [gap.reason for gap in gaps]), "")
    if not own:
        own = "it was not measured" if metric in scan.metrics else "its probe did not run"
    return f"{prefix}{own}"


def hindrance(scan: Scan, base: Scan, metric: str) -> str:
    """Why the numbers of two scans are not of the same work; "" when they are."""
    if metric.startswith(_OF_THE_MODEL):
        return ""
    ours, theirs = _work(scan), _work(base)
    return next(
        (f"{name}: {theirs[name]} before, {ours[name]} now" for name in ours if ours[name] != theirs[name]),
        "",
    )


def _work(scan: Scan) -> dict[str, str]:
    workload = scan.workload
    return {
        "inputs": " ".join(f"{each.dtype}{list(each.shape)}" for each in workload.inputs),
        "layers": "in training mode" if workload.train else "in evaluation mode",
        "gradients": "yes" if workload.backward else "no",
    }


def _finite(value: Number | None) -> Number | None:
    return value if value is not None and isfinite(value) else None
