"""Which rules speak on a trained encoder, its untrained twin, and every planted fault.

python -m benchmarks.health.rules --output benchmarks/results/health_rules.json
"""

from __future__ import annotations

import argparse
import json
import warnings
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from attnprobe.checking.evaluating import evaluate
from attnprobe.checking.evaluating.evaluate import names_of
from attnprobe.checking.packs import Rule, load_rules, metric_dictionary
from attnprobe.dictionary import probes_of
from attnprobe.records import Scan, Settings
from benchmarks.health.encoder import batch, trained, untrained
from benchmarks.health.faults import FAULTS, TWINS
from benchmarks.health.machine import machine, sentence
from benchmarks.health.passages import PASSAGES

OURS = ("AP106", "AP4", "AP5", "AP6", "AP701", "AP702")  # what a fault of health can be called
_ENCODERS = {"MiniLM, 16 passages": trained, "MiniLM untrained, 16 passages": untrained}


@cache
def rules() -> tuple[Rule, ...]:
    """The rules about health, and the one about the future."""
    return tuple(rule for rule in load_rules() if rule.id.startswith(OURS))


@cache
def probes() -> tuple[str, ...]:
    """All that these rules read."""
    metrics = metric_dictionary()
    names = {name.removeprefix("model_") for rule in rules() for name in names_of(rule)}
    return tuple(sorted(probes_of(names & metrics.keys())))


def judged(scan: Scan) -> list[dict[str, Any]]:
    """Every finding: rule, severity, where, heads, message."""
    found = evaluate(scan, rules(), Settings()).findings
    return [
        {"rule": f.rule, "severity": f.severity, "where": f.where, "heads": f.heads, "message": f.message}
        for f in found
    ]


def rows() -> list[dict[str, Any]]:
    """One per model: the encoders, the healthy twins, the faults."""
    import attnprobe

    made: list[dict[str, Any]] = []
    for name, build in _ENCODERS.items():
        scan = attnprobe.scan(build(), batch(PASSAGES), probes=probes(), device="cpu")
        made.append({"model": name, "twin": "", "findings": judged(scan)})
    twins = {name: judged(scan(probes())) for name, scan in TWINS.items()}
    made += [{"model": f"{name}, healthy", "twin": "", "findings": found} for name, found in twins.items()]
    for fault in FAULTS:
        found = judged(fault.scan(probes()))
        known = {each["rule"] for each in twins[fault.twin]}
        new = sorted({each["rule"] for each in found} - known)
        made.append({"model": fault.name, "twin": fault.twin, "findings": found, "new": new})
    return made


def table(made: Sequence[Mapping[str, Any]]) -> str:
    """The rows as Markdown, and all messages below."""
    lines = [
        f"{len(rules())} rules: {', '.join(OURS)}. {sentence()}. New: rules that are silent on the twin.",
        "",
        "| model | healthy twin | errors and warnings | notes (info) | new |",
        "|---|---|---|---|---|",
    ]
    for row in made:
        loud, quiet = ({f["rule"] for f in row["findings"] if (f["severity"] == "info") == i} for i in (0, 1))
        cells = [row["model"], row["twin"] or "–", _listed(loud), _listed(quiet)]
        lines.append("| " + " | ".join([*cells, _listed(row.get("new", ()))]) + " |")
    lines += ["", "## What is said", ""]
    for row in made:
        lines += [f"{row['model']}:", ""]
        lines += [
            f"- {f['rule']} {f['severity']}, {f['where']}: {f['message']}" for f in row["findings"]
        ] or ["- nothing"]
        lines.append("")
    return "\n".join(lines).rstrip()


def _listed(names: Any) -> str:
    return ", ".join(sorted(names)) or "–"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--output", type=Path)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    made = rows()
    print(table(made))
    if arguments.output:
        arguments.output.write_text(json.dumps({"machine": machine(), "rows": made}, indent=1) + "\n")
        arguments.output.with_suffix(".md").write_text(table(made) + "\n")


if __name__ == "__main__":
    main()
