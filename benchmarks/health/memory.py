"""What the instrumented run allocates beyond a training step of its own, at length 16,384.

    python -m benchmarks.health.memory --output benchmarks/results/health_memory.json

A small Llama with grouped-query attention through SDPA. Both peaks are those of the CPU allocator's events
(torch.profiler), with the parameters that were there before.
"""

from __future__ import annotations

import argparse
import json
import warnings
from collections.abc import Callable
from itertools import accumulate
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from torch import nn

from attnprobe.probes.measuring.profiling import allocations, profiled
from benchmarks.health.cost import OBSERVE, watching_probes
from benchmarks.health.machine import machine

BAR = 0.10


def llama(length: int, layers: int) -> tuple[nn.Module, dict[str, Any]]:
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    config = LlamaConfig(
        hidden_size=512,
        num_hidden_layers=layers,
        num_attention_heads=8,
        num_key_value_heads=2,
        intermediate_size=1376,
        vocab_size=1000,
        max_position_embeddings=length,
        attn_implementation="sdpa",
    )
    ids = torch.randint(0, 1000, (1, length))
    return LlamaForCausalLM(config).eval(), {"input_ids": ids, "labels": ids, "use_cache": False}


def peak_of(step: Callable[[], Any]) -> int:
    """Highest number of bytes allocated during a step above what was there before it."""
    with profiled(memory=True) as profiler:
        step()
    return max(accumulate(allocations(profiler), initial=0))


def training_step(model: nn.Module, inputs: dict[str, Any]) -> None:
    model(**inputs).loss.backward()
    for parameter in model.parameters():
        parameter.grad = None


def instrumented_peak(model: nn.Module, inputs: dict[str, Any], probes: list[str]) -> int:
    """Peak of the instrumented run within a scan."""
    import attnprobe
    from attnprobe.observing.run import Observed, observe

    peaks: list[int] = []

    def watched(*arguments: Any) -> Observed:
        found: list[Observed] = []
        peaks.append(peak_of(lambda: found.append(observe(*arguments))))
        return found[0]

    with patch(OBSERVE, watched):
        attnprobe.scan(model, inputs, probes=probes, device="cpu")
    (peak,) = peaks
    return peak


def compare(length: int, layers: int, *, one_by_one: bool) -> dict[str, Any]:
    """Both peaks, and with `one_by_one` those with a single probe."""
    model, inputs = llama(length, layers)
    resident = sum(parameter.nbytes for parameter in model.parameters())
    training_step(*llama(64, layers))
    step = resident + peak_of(lambda: training_step(model, inputs))
    watching, _ = watching_probes()
    chosen = {name: [name] for name in watching} if one_by_one else {}
    peaks = {
        name: resident + instrumented_peak(model, inputs, probes)
        for name, probes in {"all": watching, **chosen}.items()
    }
    return {
        "model": f"Llama, {layers} layers, 512 wide, 8 heads, 2 key-value heads, SDPA, length {length}",
        "training_step_bytes": step,
        "instrumented_bytes": peaks["all"],
        "extra": peaks["all"] / step - 1,
        "bar": BAR,
        "extra_of_one": {name: peak / step - 1 for name, peak in peaks.items() if name != "all"},
    }


def table(row: dict[str, Any]) -> str:
    """The result as Markdown."""
    lines = [
        f"{row['model']}: training step {row['training_step_bytes'] / 2**20:.0f} MiB, instrumented run "
        f"{row['instrumented_bytes'] / 2**20:.0f} MiB: {row['extra']:+.1%} (bar {row['bar']:.0%})."
    ]
    if row["extra_of_one"]:
        lines += ["", "| probe alone | extra memory |", "|---|---|"]
        ranked = sorted(row["extra_of_one"].items(), key=lambda item: -item[1])
        lines += [f"| {name} | {extra:+.1%} |" for name, extra in ranked]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--length", type=int, default=16384)
    parser.add_argument("--layers", type=int, default=6)
    parser.add_argument("--one-by-one", action="store_true", help="every probe alone as well")
    parser.add_argument("--output", type=Path)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    row = compare(arguments.length, arguments.layers, one_by_one=arguments.one_by_one)
    print(table(row))
    if arguments.output:
        arguments.output.write_text(json.dumps({"machine": machine(), **row}, indent=1) + "\n")
        arguments.output.with_suffix(".md").write_text(table(row) + "\n")


if __name__ == "__main__":
    main()
