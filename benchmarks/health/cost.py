"""What the health probes cost: CPU time against a bare forward and backward of GPT-2 small.

    python -m benchmarks.health.cost --output benchmarks/results/health_cost.json

Both in one process, taking turns. Counted are the instrumented run (which holds a forward and a backward of
its own) and the stages of the probes that watch it; with `--own-runs` those that run the model themselves are
listed apart. On one thread: threads that wait for each other on a busy machine count as CPU time.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any
from unittest.mock import patch

import torch
from torch import nn

from attnprobe.records import Probe
from benchmarks.health.machine import machine

BATCH, LENGTH = 2, 1024
BAR = 2.0
OBSERVE = "attnprobe.pipeline.observe"
OWN_RUNS = ("head_ablation", "dispersion")  # probes that watch, and then run the model themselves


@dataclass(slots=True)
class Cost:
    """CPU seconds of one scan's health stages."""

    stages: dict[str, float] = field(default_factory=dict)
    watchers: dict[str, float] = field(default_factory=dict)  # within the instrumented run
    failures: dict[str, str] = field(default_factory=dict)

    @property
    def total(self) -> float:
        return sum(self.stages.values())


def gpt2_small(*, with_loss: bool) -> tuple[nn.Module, dict[str, Any]]:
    """With its language-modelling loss, or without a loss of its own (then a random projection stands in)."""
    from transformers import GPT2Config, GPT2LMHeadModel, GPT2Model

    torch.manual_seed(0)
    ids = torch.randint(0, 50257, (BATCH, LENGTH))
    if with_loss:
        model: nn.Module = GPT2LMHeadModel(GPT2Config()).eval()
        return model, {"input_ids": ids, "labels": ids, "use_cache": False}
    return GPT2Model(GPT2Config()).eval(), {"input_ids": ids, "use_cache": False}


def watching_probes() -> tuple[list[str], list[str]]:
    """Names of the probes that watch the instrumented run, and of those with runs of their own."""
    from attnprobe.registry import discover

    found: Iterable[Probe] = (
        plugin.value for plugin in discover("attnprobe.probes", "probe", group="attnprobe.probes").values()
    )
    health = [probe for probe in found if any(metric.topic != "cost" for metric in probe.metrics)]
    watching = [p.name for p in health if p.watch is not None and p.name not in OWN_RUNS]
    return watching, [p.name for p in health if p.depth == "measured" and p.name not in watching]


def bare_seconds(model: nn.Module, inputs: dict[str, Any]) -> float:
    """CPU time of forward, loss and backward."""
    for parameter in model.parameters():
        parameter.grad = None
    started = time.process_time()
    outputs = model(**inputs)
    loss = getattr(outputs, "loss", None)
    if loss is None:
        loss = (outputs.last_hidden_state @ torch.randn(outputs.last_hidden_state.shape[-1])).mean()
    loss.backward()
    return time.process_time() - started


def scan_cost(model: nn.Module, inputs: dict[str, Any], probes: list[str]) -> Cost:
    """CPU time of the instrumented run and of every probe's own stage."""
    import attnprobe
    from attnprobe.observing.run import Observed, observe

    cost, started = Cost(), {}

    def progress(stage: str, outcome: str, _: float | None) -> None:
        if outcome == "start":
            started[stage] = time.process_time()
        elif stage in (*probes, "instrumented run"):
            cost.stages[stage] = time.process_time() - started[stage]
            if outcome.startswith("failed"):
                cost.failures[stage] = outcome

    def watched(*arguments: Any) -> Observed:
        observed = observe(*arguments)
        cost.watchers |= observed.seconds
        return observed

    with patch(OBSERVE, watched):
        attnprobe.scan(model, inputs, probes=probes, device="cpu", progress=progress)
    return cost


def compare(repeats: int, *, with_loss: bool, with_own_runs: bool) -> dict[str, Any]:
    """Both in turns; medians."""
    model, inputs = gpt2_small(with_loss=with_loss)
    watching, running = watching_probes()
    bare_seconds(model, inputs)
    bare, costs = [], []
    for _ in range(repeats):
        bare.append(bare_seconds(model, inputs))
        costs.append(scan_cost(model, inputs, watching))
    own = scan_cost(model, inputs, running) if running and with_own_runs else Cost()
    whole = median(cost.total for cost in costs)
    return {
        "model": f"{type(model).__name__}, small, batch {BATCH}, length {LENGTH}",
        "bare_seconds": median(bare),
        "instrumented_seconds": whole,
        "ratio": whole / median(bare),
        "bar": BAR,
        "instrumented_run_seconds": median(cost.stages["instrumented run"] for cost in costs),
        "watchers_seconds": _medians(costs, lambda cost: cost.watchers),
        "stages_seconds": _medians(costs, lambda cost: cost.stages),
        "own_runs_seconds": dict(sorted(own.stages.items(), key=lambda item: -item[1])),
        "failures": {**costs[-1].failures, **own.failures},
    }


def _medians(costs: list[Cost], part: Callable[[Cost], dict[str, float]]) -> dict[str, float]:
    names = dict.fromkeys(name for cost in costs for name in part(cost))
    found = {name: median(part(cost).get(name, 0.0) for cost in costs) for name in names}
    return dict(sorted(found.items(), key=lambda item: -item[1]))


def table(row: dict[str, Any]) -> str:
    """The result as Markdown."""
    lines = [
        f"{row['model']}: bare forward and backward {row['bare_seconds']:.2f} CPU-s; instrumented run and "
        f"health probes {row['instrumented_seconds']:.2f} CPU-s: {row['ratio']:.2f}× (bar {row['bar']:g}×).",
        "",
        "| probe | in the instrumented run, CPU-s | in its own stage, CPU-s |",
        "|---|---|---|",
    ]
    watchers, stages = row["watchers_seconds"], row["stages_seconds"]
    engine = row["instrumented_run_seconds"] - sum(watchers.values())
    names = sorted({*watchers, *stages} - {"instrumented run"}, key=lambda n: -_of(row, n))
    lines += [f"| {n} | {watchers.get(n, 0.0):.3f} | {stages.get(n, 0.0):.3f} |" for n in names]
    lines.append(f"| forward, backward, random directions, layouts | {engine:.3f} | |")
    lines += ["", "Probes with runs of their own, CPU-s: " + _listed(row["own_runs_seconds"])]
    lines += [f"{name}: {outcome}" for name, outcome in row["failures"].items()]
    return "\n".join(lines)


def _of(row: dict[str, Any], name: str) -> float:
    return float(row["watchers_seconds"].get(name, 0.0) + row["stages_seconds"].get(name, 0.0))


def _listed(seconds: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:.2f}" for name, value in seconds.items()) or "none"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument(
        "--own-runs", action="store_true", help="also the probes that run the model themselves"
    )
    parser.add_argument("--output", type=Path)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    rows = [
        compare(arguments.repeats, with_loss=with_loss, with_own_runs=arguments.own_runs)
        for with_loss in (False, True)
    ]
    text = "\n\n".join(table(row) for row in rows)
    print(text)
    if arguments.output:
        arguments.output.write_text(json.dumps({"machine": machine(), "rows": rows}, indent=1) + "\n")
        arguments.output.with_suffix(".md").write_text(text + "\n")


if __name__ == "__main__":
    main()
