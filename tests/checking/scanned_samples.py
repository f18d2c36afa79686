"""Scans of the sample models that rules name in their tests: each made once, by the probes needed."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from attnprobe.checking.evaluating.testing import planned, scan_key
from attnprobe.checking.packs import ModelTest, Rule, load_rules
from attnprobe.pipeline import scan_target
from attnprobe.records import Scan, ScanOptions


def scan_of(rule: Rule, test: ModelTest) -> Scan:
    """The scan of a test's sample, by all that any of our rules reads."""
    return _scan(_plan()[scan_key(rule, test)])


@cache
def _plan() -> dict[object, ScanOptions]:
    return dict(planned(load_rules()))


@cache
def _scan(options: ScanOptions) -> Scan:
    assert Path(options.target.partition(":")[0]).is_file(), options.target
    return scan_target(options, lambda stage, state, seconds: None)
