"""The whole command on Llama-3.1-405B: `attnprobe scan --static` of its configuration at 8,192 tokens.

    python -m benchmarks.static_scan --runs 3 --output benchmarks/results/static_scan.json

Wall time from start to written report, peak memory over all processes, and the start-up of `--help`.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil

CONFIG = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "hidden_size": 16384,
    "intermediate_size": 53248,
    "num_hidden_layers": 126,
    "num_attention_heads": 128,
    "num_key_value_heads": 8,
    "vocab_size": 128256,
    "max_position_embeddings": 131072,
    "torch_dtype": "bfloat16",
    "tie_word_embeddings": False,
}
SECONDS, BYTES, HELP_SECONDS = 10.0, 1.5 * 2**30, 0.25


def run(command: list[str], folder: Path) -> tuple[float, int]:
    """Wall seconds of a command, and the largest sum of its processes' resident memory."""
    started = time.perf_counter()
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    watched, peak = psutil.Process(process.pid), 0
    while process.poll() is None:
        try:
            family = [watched, *watched.children(recursive=True)]
            peak = max(peak, sum(member.memory_info().rss for member in family))
        except psutil.Error:
            continue
        time.sleep(0.05)
    seconds = time.perf_counter() - started
    if process.returncode != 0:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}")
    return seconds, peak


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--output", type=Path)
    arguments = parser.parse_args()
    program = [sys.executable, "-m", "attnprobe"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "llama-405b").mkdir()
        (folder / "llama-405b" / "config.json").write_text(json.dumps(CONFIG))
        command = [*program, "scan", "--static", "--seq-len", "8192", "--batch-size", "1", "hf:./llama-405b"]
        scans = [run(command, folder) for _ in range(arguments.runs)]
        found = json.loads((folder / "attnprobe-scan.json").read_text())
        helps = [run([*program, "--help"], folder)[0] for _ in range(5)]
    result: dict[str, Any] = {
        "machine": f"CPU, {platform.machine()}, {os.cpu_count()} cores",
        "torch": found["environment"]["torch"],
        "sites": len(found["sites"]),
        "parameters": found["model"]["parameters"],
        "scan_seconds": sorted(round(seconds, 2) for seconds, _ in scans),
        "scan_seconds_median": round(statistics.median(seconds for seconds, _ in scans), 2),
        "peak_bytes": max(peak for _, peak in scans),
        "help_seconds_median": round(statistics.median(helps), 3),
        "bars": {"scan_seconds": SECONDS, "peak_bytes": BYTES, "help_seconds": HELP_SECONDS},
    }
    print(json.dumps(result, indent=1))
    if arguments.output:
        arguments.output.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
