"""The trained encoder and its untrained twin on sixteen passages against the survey; importance and ablation.

python -m benchmarks.health.minilm --output benchmarks/results/health_minilm.json
"""

from __future__ import annotations

import argparse
import json
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import mean, median
from typing import Any

from torch import Tensor

from attnprobe.records import Scan
from benchmarks.health.ablation import ablation_damage, rank_correlation
from benchmarks.health.cost import watching_probes
from benchmarks.health.encoder import SentenceEncoder, batch, batches_of_one, trained, untrained
from benchmarks.health.figures import FIGURES, Model
from benchmarks.health.machine import machine, sentence
from benchmarks.health.passages import PASSAGES
from benchmarks.health.reading import of_heads

IMPORTANCE = "head_importance"
IMPORTANCE_BAR = 0.95


def scan_of(model: SentenceEncoder, inputs: dict[str, Tensor] | list[dict[str, Tensor]]) -> Scan:
    """All probes that watch the instrumented run."""
    import attnprobe

    return attnprobe.scan(model, inputs, probes=watching_probes()[0], device="cpu")


def figures(scans: Mapping[Model, Scan]) -> list[dict[str, Any]]:
    """Every figure of the survey beside what the scans say."""
    rows = []
    for figure in FIGURES:
        row: dict[str, Any] = {"figure": figure.name, "within": figure.within, "share": figure.share}
        for model, scan in scans.items():
            value = figure.value(scan)
            row[model] = {
                "survey": getattr(figure, model),
                "here": value,
                "fits": figure.fits(model, value),
            }
        rows.append(row)
    return rows


def importance(damage: Sequence[Sequence[float]], scores: Sequence[float]) -> dict[str, Any]:
    """Rank correlation of importance scores with the damage [layers][heads] that ablation really does."""
    flat = [value for layer in damage for value in layer]
    within = [
        rank_correlation(layer, scores[start : start + len(layer)])
        for layer, start in zip(damage, range(0, len(flat), len(damage[0])), strict=True)
    ]
    return {
        "heads": len(flat),
        "spearman": rank_correlation(flat, scores),
        "within_layer": mean(within),
        "bar": IMPORTANCE_BAR,
        "damage_median": median(flat),
        "damage_least": min(flat),
        "damage_most": max(flat),
        "damage_by_layer": [mean(layer) for layer in damage],
    }


def compare(damage: Sequence[Sequence[float]] | None = None) -> dict[str, Any]:
    """All passages, as one padded batch and as batches of one."""
    model = trained()
    padded, singles = batch(PASSAGES), batches_of_one(PASSAGES)
    scans: dict[Model, Scan] = {"trained": scan_of(model, padded), "untrained": scan_of(untrained(), padded)}
    one_by_one = scan_of(model, singles)
    damage = ablation_damage(model, [padded]) if damage is None else damage
    result: dict[str, Any] = {"machine": machine(), "figures": figures(scans), "damage": damage}
    for row, figure in zip(result["figures"], FIGURES, strict=True):
        row["one_by_one"] = figure.value(one_by_one)
    for name, scan in (("importance", scans["trained"]), ("importance_one_by_one", one_by_one)):
        scores = of_heads(scan, IMPORTANCE)
        if scores:
            result[name] = importance(damage, scores)
    return result


def table(result: Mapping[str, Any]) -> str:
    """The result as Markdown."""
    lines = [
        f"all-MiniLM-L6-v2 on {len(PASSAGES)} passages, one padded batch. {sentence()}. A figure fits "
        "within a fifth of the survey's, or the absolute distance.",
        "",
        "| figure | trained | survey | fits | untrained | survey | fits | trained, batches of one |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in result["figures"]:
        cells = [
            cell
            for model in ("trained", "untrained")
            for cell in (
                _number(row[model]["here"]),
                _number(row[model]["survey"]),
                _word(row[model]["fits"]),
            )
        ]
        lines.append(f"| {row['figure']} | " + " | ".join([*cells, _number(row["one_by_one"])]) + " |")
    fits = [row[model]["fits"] for row in result["figures"] for model in ("trained", "untrained")]
    known = [fit for fit in fits if fit is not None]
    lines += ["", f"{sum(known)} of {len(known)} figures fit."]
    for name in ("importance", "importance_one_by_one"):
        if name in result:
            row = result[name]
            lines.append(
                f"Importance without labels ({name.replace('_', ' ')}) against ablation of {row['heads']} "
                f"heads: Spearman {row['spearman']:.3f} (bar {row['bar']}), within a layer "
                f"{row['within_layer']:.3f}."
            )
    return "\n".join(lines)


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3g}"


def _word(fits: bool | None) -> str:
    return {True: "yes", False: "**no**", None: ""}[fits]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--damage-from", type=Path, help="an earlier result whose ablation is taken over")
    parser.add_argument("--output", type=Path)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    known = json.loads(arguments.damage_from.read_text())["damage"] if arguments.damage_from else None
    result = compare(known)
    print(table(result))
    if arguments.output:
        arguments.output.write_text(json.dumps(result, indent=1) + "\n")
        arguments.output.with_suffix(".md").write_text(table(result) + "\n")


if __name__ == "__main__":
    main()
