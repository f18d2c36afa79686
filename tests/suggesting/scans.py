"""Scans written by hand: causal self-attention of 2 samples, 4 heads of width 8, 4,096 tokens."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from attnprobe.records import (
    SCHEMA_VERSION,
    AttentionSite,
    Environment,
    Finding,
    Limit,
    ModelInfo,
    Remedy,
    Saving,
    Scan,
    Suggestion,
    ToolInfo,
    Workload,
)
from attnprobe.suggesting import suggest
from tests.probes.hand_traces import attention_site, dot_product

LENGTH = 4096
CORE = 2 * 2 * 4 * LENGTH * LENGTH * (8 + 8)  # scores and values
FORWARD = 2 * CORE
MODEL = 8 * CORE
PER_TOKEN = 2 * 4 * 8 * 4  # key and value of 4 heads in float32


_OF_CORE = (
    *("num_heads", "num_kv_heads", "head_dim", "value_dim", "batch", "windows"),
    *("q_len", "kv_len", "mechanism", "normaliser", "role", "kernel"),
)


def site(name: str = "h.0.attn", metrics: Mapping[str, Any] | None = None, **changes: Any) -> AttentionSite:
    fields = {"q_len": LENGTH, "kv_len": LENGTH, **changes}
    core = dot_product(score_ops=(), **{key: fields.pop(key) for key in list(fields) if key in _OF_CORE})
    known = {
        "flops_core": CORE,
        "flops_forward": FORWARD,
        "kv_cache_bytes_per_token": PER_TOKEN,
        "kv_cache_bytes": PER_TOKEN * LENGTH,
        **(metrics or {}),
    }
    return attention_site(core, **{"id": name, "is_causal": True, "metrics": known, **fields})


def scan(*sites: AttentionSite, remedies: tuple[Remedy, ...] = (), **totals: float) -> Scan:
    known = {
        "flops_core": CORE * len(sites),
        "flops_forward": MODEL,
        "kv_cache_bytes_per_token": PER_TOKEN * len(sites),
        "kv_cache_bytes": PER_TOKEN * LENGTH * len(sites),
        **totals,
    }
    return Scan(
        schema=SCHEMA_VERSION,
        tool=ToolInfo(name="attnprobe", version="0"),
        environment=Environment(python="3", torch="2", platform="linux", device="cpu", threads=1),
        model=ModelInfo(
            target="m.py",
            entry="m.py",
            class_name="M",
            parameters=0,
            parameter_bytes=0,
            trainable_parameters=0,
            causal_declared=True,
        ),
        workload=Workload(
            inputs=(),
            batch_size=2,
            seq_len=LENGTH,
            device="cpu",
            dtype="float32",
            train=False,
            backward=False,
            loss="",
            guessed=(),
            depth="static",
            seed=0,
        ),
        metrics={},
        totals=known,
        sites=sites,
        remedies=remedies,
    )


def finding(*names: str, sites: tuple[str, ...] = ("h.0.attn",), **options: Any) -> Finding:
    """A finding whose rule lists replacements by name, all with the same options."""
    return Finding(
        rule="AP202",
        name="quadratic-core-dominates",
        severity="warning",
        sites=sites,
        heads=(),
        location=None,
        message="",
        evidence={},
        savings=(),
        suggestions=tuple(
            Suggestion(name=name, options=options, exactness="retrain", change={}) for name in names
        ),
        fingerprint="",
    )


def suggested(found: Scan, given: Finding) -> Finding:
    (result,) = suggest(found, [given])
    return result


def savings(found: Scan, given: Finding) -> dict[str, Saving]:
    """Metric -> saving of the only suggestion."""
    return {saving.metric: saving for saving in suggested(found, given).savings}


def with_limit(given: Finding, metric: str, comparison: Any = ">") -> Finding:
    return replace(given, limits=(Limit(metric=metric, comparison=comparison, limit=1.0),))
