"""Planted faults: every number on every fault, and on the healthy twin of each.

python -m benchmarks.health.faults --output benchmarks/results/health_faults.json
"""

from __future__ import annotations

import argparse
import json
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch

from attnprobe.records import Scan
from benchmarks.health import edits
from benchmarks.health.detectors import DETECTORS
from benchmarks.health.encoder import SentenceEncoder, batch, trained, untrained
from benchmarks.health.machine import machine, sentence
from benchmarks.health.passages import PASSAGES
from benchmarks.health.toys import Plan, Toy, copy_loss, token_ids

PROBES = tuple(dict.fromkeys(detector.probe for detector in DETECTORS))
Scanning = Callable[[Sequence[str]], Scan]  # names of probes -> scan
_QUICK_PASSAGES = 4


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault, its twin, and the detectors that must raise the alarm; none of them may on the twin."""

    name: str
    twin: str
    scan: Scanning
    caught_by: tuple[str, ...]
    silent: tuple[str, ...] = ()  # detectors that must stay silent although a naive rule would speak


def _encoder_scan(build: Callable[[SentenceEncoder], SentenceEncoder]) -> Scanning:
    return lambda probes: scan_encoder(build(_trained()), probes)


@lru_cache(maxsize=1)
def _trained() -> SentenceEncoder:
    return trained()


def scan_encoder(model: SentenceEncoder, probes: Sequence[str]) -> Scan:
    """An encoder on some of the passages."""
    return _scan(model, batch(PASSAGES[:_QUICK_PASSAGES]), probes)


def _toy_scan(**changes: Any) -> Scanning:
    return lambda probes: scan_toy(Plan(**changes), probes)


def scan_toy(plan: Plan, probes: Sequence[str]) -> Scan:
    """A toy on random tokens that it shall copy."""
    return _scan(Toy(plan), (token_ids(),), probes, loss=copy_loss, causal=plan.is_causal or None)


def _scan(model: torch.nn.Module, inputs: Any, probes: Sequence[str], **others: Any) -> Scan:
    import attnprobe

    return attnprobe.scan(model, inputs, probes=probes, device="cpu", **others)


(
    _DUPLICATE, _DEAD, _LOGIT, _BLIND, _COLUMNS, _RATIO, _RMS, _RESIDUAL, _COSINE, _WINDOW, _FUTURE, _LEAK,
    _UNIFORM,
) = (detector.name for detector in DETECTORS)  # fmt: skip

TWINS: Mapping[str, Scanning] = {
    "MiniLM": _encoder_scan(lambda model: model),
    "24 layers, pre-norm, std 0.02": _toy_scan(),
    "2 layers, std 0.2": _toy_scan(layers=2, deviation=0.2),
    "2 layers, causal, std 0.2": _toy_scan(layers=2, deviation=0.2, is_causal=True),
}
FAULTS = (
    Fault("two copied heads", "MiniLM", _encoder_scan(edits.copied_head), (_DUPLICATE,)),
    Fault(
        "the copy in a rotated basis",
        "MiniLM",
        _encoder_scan(lambda model: edits.copied_head(model, is_rotated=True)),
        (_DUPLICATE,),
    ),
    Fault(
        "the copy with 10 % noise",
        "MiniLM",
        _encoder_scan(lambda model: edits.copied_head(model, noise=0.1)),
        (_DUPLICATE,),
    ),
    Fault("a zeroed head", "MiniLM", _encoder_scan(edits.zeroed_head), (_DEAD,)),
    Fault(
        "logits × 20, a layer",
        "MiniLM",
        _encoder_scan(lambda model: edits.scaled_logits(model, 20, whole_layer=True)),
        (_LOGIT, _BLIND, _COLUMNS),
    ),
    Fault(
        "logits × 20, one head",
        "MiniLM",
        _encoder_scan(lambda model: edits.scaled_logits(model, 20, whole_layer=False)),
        (_LOGIT, _BLIND, _COLUMNS),
    ),
    Fault(
        "untrained",
        "MiniLM",
        lambda probes: scan_encoder(untrained(), probes),
        (_UNIFORM,),
        silent=(_DUPLICATE,),
    ),
    Fault(
        "24 layers, post-norm, std 0.002",
        "24 layers, pre-norm, std 0.02",
        _toy_scan(norm="post", deviation=0.002),
        (_RMS,),
    ),
    Fault(
        "24 layers without residual",
        "24 layers, pre-norm, std 0.02",
        _toy_scan(has_residual=False),
        (_RATIO, _RESIDUAL, _COSINE),
    ),
    Fault("a local bias", "2 layers, std 0.2", _toy_scan(layers=2, deviation=0.2, slope=1.0), (_WINDOW,)),
    Fault(
        "a mask that leaks one token",
        "2 layers, causal, std 0.2",
        _toy_scan(layers=2, deviation=0.2, is_causal=True, leak=1),
        (_FUTURE, _LEAK),
    ),
)


def examine(faults: Sequence[Fault]) -> list[dict[str, Any]]:
    """Every detector on every fault and its twin."""
    twins = {name: TWINS[name](PROBES) for name in dict.fromkeys(fault.twin for fault in faults)}
    return [row_of(fault, fault.scan(PROBES), twins[fault.twin]) for fault in faults]


def row_of(fault: Fault, faulty: Scan, twin: Scan) -> dict[str, Any]:
    """Every detector on one fault and its twin."""
    values = {
        detector.name: {
            "healthy": (healthy := detector.value(twin)),
            "fault": (value := detector.value(faulty)),
            "limit": detector.limit,
            "alarm": detector.is_alarm(value),
            "alarm_on_twin": detector.is_alarm(healthy),
        }
        for detector in DETECTORS
    }
    caught = all(values[name]["alarm"] and not values[name]["alarm_on_twin"] for name in fault.caught_by)
    quiet = not any(values[name]["alarm"] for name in fault.silent)
    return {
        "fault": fault.name,
        "twin": fault.twin,
        "caught_by": fault.caught_by,
        "silent": fault.silent,
        "ok": caught and quiet,
        "values": values,
    }


def table(rows: Sequence[dict[str, Any]]) -> str:
    """Metric against fault: healthy → fault; bold where the alarm is raised, * where it had to be."""
    lines = [
        f"Healthy twin → fault. Bold: beyond the limit. *: what must catch this fault. {sentence()}.",
        "",
        "| metric | limit | " + " | ".join(f"{row['fault']} ({row['twin']})" for row in rows) + " |",
        "|---|---|" + "---|" * len(rows),
    ]
    for detector in DETECTORS:
        cells = [_cell(row, detector.name) for row in rows]
        sign = ">" if detector.is_above else "<"
        lines.append(f"| {detector.name} | {sign} {detector.limit:g} | " + " | ".join(cells) + " |")
    missed = [row["fault"] for row in rows if not row["ok"]]
    lines += ["", f"Caught: {len(rows) - len(missed)} of {len(rows)}." + _listed(missed)]
    return "\n".join(lines)


def _cell(row: dict[str, Any], name: str) -> str:
    known = row["values"][name]
    if known["fault"] is None:
        return "–"
    healthy = "–" if known["healthy"] is None else f"{known['healthy']:.2g}"
    fault = f"**{known['fault']:.2g}**" if known["alarm"] else f"{known['fault']:.2g}"
    return f"{healthy} → {fault}" + ("*" if name in row["caught_by"] else "")


def _listed(missed: list[str]) -> str:
    return f" Not caught: {', '.join(missed)}." if missed else ""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--output", type=Path)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    rows = examine(FAULTS)
    print(table(rows))
    if arguments.output:
        arguments.output.write_text(json.dumps({"machine": machine(), "rows": rows}, indent=1) + "\n")
        arguments.output.with_suffix(".md").write_text(table(rows) + "\n")
    sys.exit(0 if all(row["ok"] for row in rows) else 1)


if __name__ == "__main__":
    main()
