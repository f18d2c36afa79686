"""Are the rules about correctness silent on healthy models?

Every model type of the zoo, with its own choice of kernels, with attention written out, and that in half
precision; those that read text alone with padding at the end, and at the start, of one sample; sample models
without a planted fault; a trained encoder. Run by hand:

    python -m benchmarks.false_alarms --output benchmarks/results/false_alarms
    python -m benchmarks.false_alarms --only gpt2,bert
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from torch import nn

import attnprobe
from attnprobe.checking.evaluating import evaluate
from attnprobe.checking.evaluating.evaluate import names_of
from attnprobe.checking.packs import Rule, load_rules
from attnprobe.dictionary import probes_of
from attnprobe.records import Scan, Settings
from benchmarks.detection_zoo import ZOO, Entry
from benchmarks.health.encoder import trained

ROOT = Path(__file__).parents[1]
PADDED = 6  # tokens of the second sample
FAULTY_ON_PURPOSE = ("self_attention", "collapsing_ranks")  # unscaled as in articles; without residuals


@dataclass(frozen=True)
class Subject:
    """A healthy model and its inputs."""

    name: str
    kind: str  # zoo, written out, in half precision, padded at the end (start), sample, trained
    build: Callable[[], nn.Module]
    inputs: Callable[[], Any]


def main() -> None:
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument("--only", default="", help="comma-separated names; default: all")
    arguments.add_argument("--output", type=Path, help="where the table (.md) and the numbers (.json) go")
    chosen = arguments.parse_args()
    os.environ["HF_HUB_OFFLINE"] = "1"  # before transformers is imported
    warnings.simplefilter("ignore")
    names = chosen.only.split(",") if chosen.only else []
    rules = correctness_rules()
    rows = []
    for subject in (each for each in subjects() if not names or each.name in names):
        rows.append(examine(subject, rules))
        print(line(rows[-1]), flush=True)
    summary = summarise(rows)
    print(json.dumps(summary, indent=2))
    if chosen.output:
        text = json.dumps({"summary": summary, "models": rows}, indent=1, ensure_ascii=False)
        chosen.output.with_suffix(".json").write_text(text + "\n")
        chosen.output.with_suffix(".md").write_text(page(summary, rows, rules))
    sys.exit(1 if summary["findings"] or summary["failed"] else 0)


def correctness_rules() -> tuple[Rule, ...]:
    """AP1xx."""
    return tuple(rule for rule in load_rules() if rule.id.startswith("AP1"))


def subjects() -> Iterator[Subject]:
    """Every healthy model."""
    for entry in ZOO:
        yield Subject(entry.name, "zoo", entry.build, entry.inputs)
        yield Subject(entry.name, "written out", partial(written_out, entry), entry.inputs)
        half = partial(written_out, entry, torch.float16)
        yield Subject(entry.name, "in half precision", half, partial(_in_half, entry))
    for entry in ZOO:
        if set(entry.inputs()) == {"input_ids"}:
            yield Subject(entry.name, "padded at the end", entry.build, _padded(entry, at_end=True))
            yield Subject(entry.name, "padded at the start", entry.build, _padded(entry, at_end=False))
    for path in sorted((ROOT / "sample_models").glob("*.py")):
        answers = json.loads((path.parent / "answers" / f"{path.stem}.json").read_text())
        is_faulty = any("fault" in site for site in answers["sites"])
        if not is_faulty and path.stem not in FAULTY_ON_PURPOSE:
            sample = import_module(f"sample_models.{path.stem}")
            yield Subject(path.stem, "sample", sample.build_model, sample.example_inputs)
    yield Subject("all-MiniLM-L6-v2", "trained", trained, minilm_inputs)


def written_out(entry: Entry, dtype: torch.dtype | None = None) -> nn.Module:
    """The model with its attention as products and a softmax."""
    import transformers

    config = entry.config()
    for each in (config, *vars(config).values()):
        if isinstance(each, transformers.PretrainedConfig):
            each._attn_implementation = "eager"
    torch.manual_seed(0)
    model: nn.Module = getattr(transformers, entry.architecture)._from_config(config)
    return model if dtype is None else model.to(dtype)


def minilm_inputs() -> dict[str, torch.Tensor]:
    """Two rows of ids of the encoder's vocabulary, the second one padded."""
    ids = torch.randint(1000, 20000, (2, 24), generator=torch.Generator().manual_seed(0))
    mask = torch.ones_like(ids)
    ids[1, -PADDED:], mask[1, -PADDED:] = 0, 0
    return {"input_ids": ids, "attention_mask": mask}


def _padded(entry: Entry, *, at_end: bool) -> Callable[[], Any]:
    def inputs() -> dict[str, torch.Tensor]:
        ids = entry.inputs()["input_ids"].clone()
        mask = torch.ones_like(ids)
        place = slice(-PADDED, None) if at_end else slice(0, PADDED)
        ids[1, place], mask[1, place] = 0, 0
        return {"input_ids": ids, "attention_mask": mask}

    return inputs


def _in_half(entry: Entry) -> dict[str, torch.Tensor]:
    return {name: t.half() if t.is_floating_point() else t for name, t in entry.inputs().items()}


def examine(subject: Subject, rules: Sequence[Rule]) -> dict[str, Any]:
    """One model: every finding, and the rules that could not be measured."""
    row: dict[str, Any] = {"name": subject.name, "kind": subject.kind, "sites": 0, "findings": [], "gaps": {}}
    started = time.perf_counter()
    try:
        with torch.random.fork_rng():
            scan = scan_for(subject.build().eval(), subject.inputs(), rules)
    except Exception as error:  # a model that does not take a padding mask, say
        row["error"] = f"{type(error).__name__}: {str(error)[:120]}"
        return row
    seen = evaluate(scan, rules, Settings())
    row["sites"] = len(scan.sites)
    row["findings"] = [f"{f.rule} {f.location or ''}: {f.messages['en']}" for f in seen.findings]
    row["gaps"] = {o.rule: o.reason for o in seen.outcomes if o.outcome == "not_measured"}
    row["judged"] = sum(o.outcome in ("passed", "fired") for o in seen.outcomes)
    row["failed_probes"] = [f"{stage.name}: {stage.outcome}" for stage in scan.stages if not stage.ok]
    row["seconds"] = round(time.perf_counter() - started, 1)
    return row


def scan_for(model: nn.Module, inputs: Any, rules: Sequence[Rule]) -> Scan:
    """A scan with the probes that the rules need, and no others."""
    wanted = {name for rule in rules for name in names_of(rule)}
    return attnprobe.scan(model, inputs, backward=False, probes=probes_of(wanted))


def line(row: dict[str, Any]) -> str:
    """One line of the table."""
    verdict = row.get("error") or "; ".join([*row["findings"], *row["failed_probes"]]) or "silent"
    return f"{row['name']:30} {row['kind']:20} {row['sites']:3}  {verdict}"


def summarise(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """How many of what, and with which versions."""
    scanned = [row for row in rows if "error" not in row]
    return {
        "models": dict(Counter(row["kind"] for row in scanned)),
        "model_types": len({row["name"] for row in scanned if row["kind"] == "zoo"}),
        "attentions": sum(row["sites"] for row in scanned),
        "rules_judged": sum(row["judged"] for row in scanned),
        "rules_not_measured": sum(len(row["gaps"]) for row in scanned),
        "findings": sum(len(row["findings"]) for row in scanned),
        "failed": sum(bool(row["failed_probes"]) for row in scanned)
        + sum(row["kind"] == "zoo" for row in rows if "error" in row),
        "not_run": {f"{r['name']}, {r['kind']}": r["error"] for r in rows if "error" in r},
        "torch": version("torch"),
        "transformers": version("transformers"),
    }


def page(summary: dict[str, Any], rows: Sequence[dict[str, Any]], rules: Sequence[Rule]) -> str:
    """The results as Markdown."""
    counted = ", ".join(f"{count} {kind}" for kind, count in summary["models"].items())
    lines = [
        "# False alarms of the rules about correctness",
        "",
        f"{len(rules)} rules on {sum(summary['models'].values())} healthy models ({counted}), "
        f"{summary['attentions']} attentions: **{summary['findings']} findings**. "
        f"torch {summary['torch']}, transformers {summary['transformers']}, CPU.",
        "",
        f"Judged: {summary['rules_judged']} times a rule on a model; not measured: "
        f"{summary['rules_not_measured']} times (no padding among the inputs, no token ids, …).",
        "",
        "| rule | name | models on which it was judged | findings |",
        "|---|---|---|---|",
    ]
    scanned = [row for row in rows if "error" not in row]
    for rule in rules:
        found = sum(text.startswith(rule.id) for row in scanned for text in row["findings"])
        judged = sum(rule.id not in row["gaps"] for row in scanned)
        lines.append(f"| {rule.id} | {rule.name} | {judged} | {found} |")
    lines += ["", "Findings:", ""] if summary["findings"] else []
    lines += [f"- {row['name']} ({row['kind']}): {text}" for row in scanned for text in row["findings"]]
    if summary["not_run"]:
        lines += ["", "Not run, since the model does not take such inputs:", ""]
        lines += [f"- {name}: {reason}" for name, reason in summary["not_run"].items()]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
