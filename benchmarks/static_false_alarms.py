"""Are the rules about correctness silent on every transformers model type as its authors configured it?

Each type is built from its default configuration, cut to four layers where the configuration allows it, and
scanned without memory (`--static`), so the rules that hold against the op graph alone are judged.

Run by hand:

    python -m benchmarks.static_false_alarms --output benchmarks/results/static_false_alarms.json
    python -m benchmarks.static_false_alarms --types llama,t5
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import warnings
from collections import Counter
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

from attnprobe.checking.evaluating import evaluate
from attnprobe.records import ScanOptions, Settings
from benchmarks.false_alarms import correctness_rules
from benchmarks.loading_zoo import SECONDS_PER_TYPE, base_types, shortened, shortly, warm_up


def main() -> None:
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument("--types", default="", help="comma-separated; default: every base model type")
    arguments.add_argument("--output", type=Path, help="where the JSON goes")
    chosen = arguments.parse_args()
    warnings.simplefilter("ignore")
    warm_up()
    correctness_rules()  # read once, before the children are made
    results: dict[str, dict[str, Any]] = {}
    for name in chosen.types.split(",") if chosen.types else base_types():
        results[name] = in_child(name)
        said = results[name].get("error") or "; ".join(results[name]["findings"]) or "silent"
        print(f"{name:40} {results[name].get('sites', 0):4}  {said[:150]}", flush=True)
    report = {**summary(results), "types": results}
    print(json.dumps(summary(results), indent=1))
    if chosen.output:
        chosen.output.write_text(json.dumps(report, indent=1, sort_keys=True, ensure_ascii=False) + "\n")
    sys.exit(1 if report["findings"] else 0)


def in_child(name: str) -> dict[str, Any]:
    """Scan in a forked process: one type's memory or crash does not reach the next."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        result: dict[str, Any] = {"error": "crashed"}
        signal.alarm(SECONDS_PER_TYPE)
        try:
            result = scanned(name)
        finally:
            os.write(writer, json.dumps(result).encode())
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as stream:
        text = stream.read()
    os.waitpid(child, 0)
    return json.loads(text) if text else {"error": "the process died, or took too long"}


def scanned(name: str) -> dict[str, Any]:
    """The findings on one type; the shortened configuration first, the full one where cutting it broke it."""
    from transformers import CONFIG_MAPPING

    from attnprobe.loading.transformers_inputs.consistency import made_consistent

    result: dict[str, Any] = {"error": "no configuration"}
    try:
        config = CONFIG_MAPPING[name]()
        made_consistent(config)
        for each in configurations(config):
            result = judged(each, name)
            if "error" not in result:
                return result
    except Exception as error:
        result = {"error": shortly(f"{type(error).__name__}: {error}")}
    return result


def configurations(config: Any) -> Iterator[Any]:
    short = shortened(config)
    if short is not None:
        yield short
    yield config


def judged(config: Any, name: str) -> dict[str, Any]:
    """Every finding on one configuration."""
    from attnprobe.loading.building.assemble import assemble
    from attnprobe.loading.building.process_state import process_state_kept
    from attnprobe.loading.transformers_model import recipe_of_config
    from attnprobe.pipeline import scan_model

    options = ScanOptions(target=f"hf:{name}", static=True, backward=False, probes=("structure",))
    try:
        with process_state_kept(0):
            model = assemble(recipe_of_config(config, f"hf:{name}"), options, fake=True)
        scan = scan_model(model, options, lambda *_: None)
        seen = evaluate(scan, correctness_rules(), Settings())
    except Exception as error:
        return {"error": shortly(f"{type(error).__name__}: {error}")}
    return {
        "sites": len(scan.sites),
        "findings": [f"{f.rule} {f.location or ''} {f.where}" for f in seen.findings],
        "judged": [o.rule for o in seen.outcomes if o.outcome in ("passed", "fired")],
    }


def summary(results: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """How many of what."""
    ran = [result for result in results.values() if "error" not in result]
    judged_on = Counter(rule for result in ran for rule in result["judged"])
    return {
        "types_tried": len(results),
        "types_scanned": len(ran),
        "types_with_attention": sum(result["sites"] > 0 for result in ran),
        "attentions": sum(result["sites"] for result in ran),
        "judged": dict(sorted(judged_on.items())),
        "findings": sum(len(result["findings"]) for result in ran),
        "torch": version("torch"),
        "transformers": version("transformers"),
    }


if __name__ == "__main__":
    main()
