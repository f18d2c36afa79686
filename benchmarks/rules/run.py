"""How long it takes to load the rules, and to apply 60 of them to 1,000 sites. No torch in either.

    python -m benchmarks.rules.run --output benchmarks/results/rules.json

Loading is measured in fresh processes, from before the first import to the last checked rule; the time that
Python itself takes to start is not in it. The bar is for 60 rules; all that come with us are loaded. Where
other programs run on the machine, the CPU seconds are the ones to compare.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path

from attnprobe.checking.evaluating import evaluate
from attnprobe.checking.packs import load_rules
from attnprobe.records import Settings
from benchmarks.rules.scans import HEADS, many_sites

RULES, SITES = 60, 1000
LOAD_SECONDS, EVALUATE_SECONDS = 0.3, 0.5
_LOAD = """
import time
start, cpu = time.perf_counter(), time.process_time()
from attnprobe.checking.packs import load_rules
rules = len(load_rules())
import sys
assert not any(name.partition(".")[0] == "torch" for name in sys.modules)
print(rules, time.perf_counter() - start, time.process_time() - cpu)
"""


def loading(runs: int) -> dict[str, float | int | list[float]]:
    """Seconds from nothing to all rules."""
    wall, cpu, rules = [], [], 0
    for _ in range(runs):
        done = subprocess.run([sys.executable, "-c", _LOAD], capture_output=True, text=True, check=True)
        words = done.stdout.split()
        rules = int(words[0])
        wall.append(float(words[1]))
        cpu.append(float(words[2]))
    return {
        "rules": rules,
        "seconds": [round(each, 3) for each in wall],
        "seconds_median": round(statistics.median(wall), 3),
        "cpu_seconds_median": round(statistics.median(cpu), 3),
        "cpu_seconds_per_60_rules": round(_share_of_60(statistics.median(cpu), rules), 3),
    }


def _share_of_60(seconds: float, rules: int) -> float:
    """The same with 60 rules: what a rule takes is measured by reading them all again in this process."""
    from attnprobe.checking.packs import loading as packs

    packs._loaded.cache_clear()
    start = time.process_time()
    load_rules()
    return seconds - (time.process_time() - start) * max(rules - RULES, 0) / rules


def evaluating(runs: int) -> dict[str, float | int | list[float]]:
    """Seconds for 60 rules over 1,000 sites, facts and findings included."""
    rules = [rule for rule in load_rules() if rule.level not in ("change", "ignore")][:RULES]
    scan, settings = many_sites(SITES), Settings(preview=True)
    seconds, cpu = [], []
    for _ in range(runs):
        start, cpu_start = time.perf_counter(), time.process_time()
        found = evaluate(scan, rules, settings)
        seconds.append(time.perf_counter() - start)
        cpu.append(time.process_time() - cpu_start)
    return {
        "rules": len(rules),
        "rules_over_heads": sum(rule.level == "head" for rule in rules),
        "sites": SITES,
        "heads": SITES * HEADS,
        "findings": len(found.findings),
        "places": sum(len(finding.instances) for finding in found.findings),
        "seconds": [round(each, 3) for each in seconds],
        "seconds_median": round(statistics.median(seconds), 3),
        "cpu_seconds_median": round(statistics.median(cpu), 3),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=9)
    parser.add_argument("--output", type=Path)
    arguments = parser.parse_args()
    result = {
        "machine": f"CPU, {platform.machine()}, {os.cpu_count()} cores",
        "python": platform.python_version(),
        "loading": loading(arguments.runs),
        "evaluating": evaluating(arguments.runs),
        "bars": {"loading": LOAD_SECONDS, "evaluating": EVALUATE_SECONDS},
    }
    text = json.dumps(result, indent=1)
    print(text)
    if arguments.output:
        arguments.output.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
