"""Small scans of a made-up model, built in full view: every test says what differs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attnprobe.records import (
    AttentionSite,
    Environment,
    Finding,
    InputTensor,
    Metric,
    ModelInfo,
    Number,
    Scan,
    ToolInfo,
    Workload,
)

FUSED = "aten._scaled_dot_product_flash_attention_for_cpu"


def metric(name: str, unit: str = "1", **rest: Any) -> Metric:
    given = {"level": "site", "exactness": "exact", "method": "counted", **rest}
    return Metric(name=name, title=name, unit=unit, **given)


METRICS = {
    each.name: each
    for each in (
        metric("flops_forward", "FLOP"),
        metric("activation_bytes", "byte"),
        metric("kv_cache_bytes_per_token", "byte"),
        metric("parameters", "parameter", level="model"),
        metric("parameter_bytes", "byte", level="model"),
        metric("forward_ms", "ms", exactness="noisy"),
        metric("backward_ms", "ms", exactness="noisy"),
        metric("measured_peak_training_bytes", "byte", level="model", exactness="noisy"),
        metric("gradient_reach", exactness="sampled", topic="gradients"),
        metric("largest_logit", exactness="sampled", topic="gradients", needs_data=True),
        metric("value_output_gradient_factor", topic="gradients"),
        metric("head_clusters", exactness="sampled", topic="heads", needs_data=True),
        metric("roofline_ms", "ms", exactness="modelled"),
    )
}


def site(name: str, **rest: Any) -> AttentionSite:
    given: dict[str, Any] = {
        "module": name,
        "module_class": "Attention",
        "call": 0,
        "mechanism": "dot_product",
        "normaliser": "softmax",
        "role": "self",
        "kernel": FUSED,
        "num_heads": 32,
        "num_kv_heads": 32,
        "head_dim": 64,
        "value_dim": 64,
        "batch": 1,
        "windows": 1,
        "q_len": 128,
        "kv_len": 128,
        "is_causal": True,
        "window_left": None,
        "window_right": None,
        "visible_share": 0.5,
        "scale": 0.125,
        "dropout": 0.0,
        "projections": {},
        "projection_rows": {},
        "location": None,
        "group": name,
    }
    return AttentionSite(id=name, **{**given, **rest})


def stack(count: int, name: str = "blocks.{}.attn", **rest: Any) -> tuple[AttentionSite, ...]:
    return tuple(site(name.format(k), **rest) for k in range(count))


def scan(
    totals: Mapping[str, Number | None] | None = None,
    sites: tuple[AttentionSite, ...] = (),
    *,
    findings: tuple[Finding, ...] = (),
    torch: str = "2.13.0+cpu",
    device: str = "cpu",
    machine: str = "cpu",
    length: int = 128,
    **rest: Any,
) -> Scan:
    workload: dict[str, Any] = {
        "inputs": (InputTensor(name="ids", shape=(1, length), dtype="int64", origin="guessed"),),
        "batch_size": 1,
        "seq_len": length,
        "device": device,
        "dtype": "float32",
        "train": False,
        "backward": True,
        "loss": "given",
        "guessed": (),
        "depth": "measured",
        "seed": 0,
        "data": "given",
    }
    outer = {key: rest.pop(key) for key in ("not_measured", "blind_spots", "metrics") if key in rest}
    return Scan(
        schema=1,
        tool=ToolInfo(name="attnprobe", version="0.1.0"),
        environment=Environment(
            python="3.11.2", torch=torch, platform="Linux x86_64", device=machine, threads=1
        ),
        model=ModelInfo(
            target="gpt.py",
            entry="gpt.py:GPT()",
            class_name="GPT",
            parameters=0,
            parameter_bytes=0,
            trainable_parameters=0,
            causal_declared=True,
        ),
        workload=Workload(**{**workload, **rest}),
        totals=dict(totals or {}),
        sites=sites,
        findings=findings,
        **{"metrics": METRICS, **outer},
    )


def finding(rule: str, fingerprint: str, *sites: str) -> Finding:
    return Finding(
        rule=rule,
        name=rule.lower(),
        severity="warning",
        sites=sites,
        heads=(),
        location=None,
        message="",
        evidence={},
        savings=(),
        suggestions=(),
        fingerprint=fingerprint,
        where=", ".join(sites),
    )
