"""How many of transformers' base model types load without memory and run on the inputs that are made up.

Every type is built from its default configuration, cut to four layers where the configuration allows it, then
called once under fake tensors. Run by hand:

    python benchmarks/loading_zoo.py --output benchmarks/results/loading_zoo.json
    python benchmarks/loading_zoo.py --types llama,t5,qwen2_vl
"""

from __future__ import annotations

import argparse
import copy
import json
import os
import re
import resource
import signal
import sys
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

os.environ["HF_HUB_OFFLINE"] = "1"
LAYERS = 4
SECONDS_PER_TYPE = 90
BYTES_PER_TYPE = 8 * 2**30


class TooLongError(Exception):
    """A type took longer than its share."""


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--types", default="", help="comma-separated; default: every base model type")
    arguments.add_argument("--output", type=Path, help="where the JSON goes")
    chosen = arguments.parse_args()
    warnings.simplefilter("ignore")
    signal.signal(signal.SIGALRM, _stop)
    types = chosen.types.split(",") if chosen.types else base_types()
    warm_up()
    started, results = time.perf_counter(), {}
    for name in types:
        results[name] = in_child(name)
        print(
            name, results[name]["outcome"], results[name].get("error", "")[:150], file=sys.stderr, flush=True
        )
    report = summary(results, time.perf_counter() - started)
    print(json.dumps({key: value for key, value in report.items() if key != "types"}, indent=1))
    if chosen.output:
        chosen.output.write_text(json.dumps(report, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def warm_up() -> None:
    """Import what every child needs, once."""
    from attnprobe.loading.building.torchvision_schemas import torchvision_importable

    torchvision_importable()
    import transformers

    transformers.logging.set_verbosity_error()
    run(shortened(transformers.CONFIG_MAPPING["bert"]()), "bert")


def base_types() -> list[str]:
    from transformers.models.auto.modeling_auto import MODEL_MAPPING_NAMES

    return sorted(MODEL_MAPPING_NAMES)


def in_child(name: str) -> dict[str, Any]:
    """Load in a forked process: one type's memory or crash does not reach the next."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        result = {"outcome": "crashed", "error": "no result"}
        resource.setrlimit(resource.RLIMIT_AS, (BYTES_PER_TYPE, BYTES_PER_TYPE))
        try:
            result = loaded(name)
        finally:
            os.write(writer, json.dumps(result).encode())
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as stream:
        text = stream.read()
    os.waitpid(child, 0)
    return json.loads(text) if text else {"outcome": "crashed", "error": "the process died"}


def loaded(name: str) -> dict[str, Any]:
    from transformers import CONFIG_MAPPING

    from attnprobe.loading.transformers_inputs.consistency import made_consistent

    started = time.process_time()
    signal.alarm(SECONDS_PER_TYPE)
    result: dict[str, Any] = {}
    try:
        config = CONFIG_MAPPING[name]()
        made_consistent(config)
        result = best(attempts(config, name))
    except Exception as error:
        result = {"outcome": "configuration failed", "error": shortly(f"{type(error).__name__}: {error}")}
    signal.alarm(0)
    return {**result, "cpu_seconds": round(time.process_time() - started, 2)}


def best(found: Iterator[dict[str, Any]]) -> dict[str, Any]:
    """The first result that runs, else the last."""
    result: dict[str, Any] = {}
    for result in found:
        if result["outcome"] == "runs":
            break
    return result


def attempts(config: Any, name: str) -> Iterator[dict[str, Any]]:
    """The shortened configuration first; the full one where cutting layers broke it."""
    short = shortened(config)
    if short is not None:
        yield run(short, name)
    yield run(config, name)


def run(config: Any, name: str) -> dict[str, Any]:
    from attnprobe.errors import AttnprobeError
    from attnprobe.loading.building.assemble import assemble
    from attnprobe.loading.building.process_state import process_state_kept
    from attnprobe.loading.inputs.trials import trial
    from attnprobe.loading.transformers_model import recipe_of_config
    from attnprobe.records import ScanOptions

    try:
        with process_state_kept(0):
            recipe = recipe_of_config(config, f"hf:{name}")
            model = assemble(recipe, ScanOptions(target=f"hf:{name}"), fake=True)
            error = trial(model.module, model.fake_world, model.args, model.kwargs)
    except AttnprobeError as failure:
        built = "no inputs" in failure.message or "every input" in failure.message
        return {"outcome": "built" if built else "not built", "error": shortly(failure.message)}
    except Exception as failure:
        return {"outcome": "not built", "error": shortly(f"{type(failure).__name__}: {failure}")}
    inputs = {item.name: [item.dtype, *item.shape] for item in model.inputs}
    detour = [sentence for sentence in model.guessed if "built for real" in sentence]
    if error is not None:
        return {"outcome": "built", "inputs": inputs, "error": shortly(f"{type(error).__name__}: {error}")}
    return {"outcome": "runs", "class": type(model.module).__name__, "inputs": inputs, "detour": detour}


def shortly(text: str) -> str:
    """One line without the folders of this machine."""
    return re.sub(r"/\S*/site-packages/", "", " ".join(text.split()))[:300]


def shortened(config: Any) -> Any | None:
    """A copy with at most four layers per part; None where there is nothing to cut."""
    short, cut = copy.deepcopy(config), False
    for part in parts(short):
        for key, value in list(vars(part).items()):
            if (
                key.endswith(("layers", "n_layer"))
                and isinstance(value, int)
                and not isinstance(value, bool)
                and value > LAYERS
            ):
                cut = True
                setattr(part, key, LAYERS)
                for other, values in list(vars(part).items()):
                    if isinstance(values, list) and len(values) == value:
                        setattr(part, other, values[:LAYERS])
    return short if cut else None


def parts(config: Any) -> Iterator[Any]:
    yield config
    for name in getattr(config, "sub_configs", None) or ():
        part = getattr(config, name, None)
        if part is not None:
            yield from parts(part)


def summary(results: dict[str, dict[str, Any]], seconds: float) -> dict[str, Any]:
    import torch
    import transformers

    outcomes = [result["outcome"] for result in results.values()]
    senses = sum(len(result.get("inputs", {})) > 1 for result in results.values())
    return {
        "machine": f"2 cores, CPU, torch {torch.__version__.partition('+')[0]}",
        "transformers": transformers.__version__,
        "types_tried": len(results),
        "built": sum(outcome in ("built", "runs") for outcome in outcomes),
        "run": outcomes.count("runs"),
        "with_several_inputs": senses,
        "cpu_seconds": round(sum(result.get("cpu_seconds", 0) for result in results.values())),
        "wall_seconds": round(seconds),
        "types": results,
    }


def _stop(*_: object) -> None:
    raise TooLongError(f"longer than {SECONDS_PER_TYPE} s")


if __name__ == "__main__":
    main()
