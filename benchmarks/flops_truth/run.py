"""attnprobe's FLOPs, and fvcore's, against the hand-derived ones.

    python -m benchmarks.flops_truth.run --output benchmarks/results/flops_truth.json

Every model is counted under fake tensors and for real; every module of the backward variants likewise.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import warnings
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.flops_truth.backward import BACKWARD_VARIANTS
from benchmarks.flops_truth.truth import BackwardVariant, Variant
from benchmarks.flops_truth.variants import VARIANTS

Row = dict[str, Any]


def main() -> None:
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument("--only", default="", help="run the models whose name contains this")
    arguments.add_argument("--output", type=Path, help="where the JSON goes")
    chosen = arguments.parse_args()
    os.environ["HF_HUB_OFFLINE"] = "1"  # before transformers is imported
    warnings.simplefilter("ignore")
    forward = [forward_row(variant) for variant in VARIANTS if chosen.only in variant.name]
    modules = [
        row for variant in BACKWARD_VARIANTS if chosen.only in variant.name for row in backward_rows(variant)
    ]
    print_forward(forward)
    print_backward(modules)
    summary = summarise(forward, modules)
    print(json.dumps(summary, indent=2))
    if chosen.output:
        result = {"summary": summary, "forward": forward, "modules": modules}
        chosen.output.write_text(json.dumps(result, indent=1) + "\n")
    sys.exit(0 if summary["forward_exact"] + summary["modules_exact"] == len(forward) + len(modules) else 1)


def forward_row(variant: Variant) -> Row:
    """Truth and both counters of one model."""
    import attnprobe

    args, kwargs = variant.inputs()
    scan = attnprobe.scan(
        variant.build(),
        kwargs or args,
        name=variant.name,
        train=variant.train,
        backward=False,
        probes=("flops", "second_count"),
    )
    check = scan.cross_checks[0] if scan.cross_checks else None
    return {
        "name": variant.name,
        "truth": variant.flops,
        "counted_fake": scan.totals["flops_forward"],
        "counted_real": counted(variant),
        "fvcore": check.theirs if check else None,
        "sites": len(scan.sites),
        "core_truth": variant.core,
        "core_counted": scan.totals.get("flops_core"),
        "notes": [note for note in scan.notes if "real run" in note],
        "explanation": check.explanation if check else "; ".join(gap.reason for gap in scan.not_measured),
    }


def counted(variant: Variant) -> int:
    """FLOPs of a run on real tensors."""
    from attnprobe.probes.counting.tally import count
    from attnprobe.records import LoadedModel
    from attnprobe.tracing.tracing import trace

    args, kwargs = variant.inputs()
    model = LoadedModel(
        module=variant.build(), args=args, kwargs=kwargs, target=variant.name, entry=variant.name, inputs=()
    )
    return count(trace(model, train=variant.train, backward=False, with_lines=False)).model.forward


def backward_rows(variant: BackwardVariant) -> list[Row]:
    """Truth and count of every named module, forward and backward, under fake tensors and for real."""
    found = {is_fake: _by_module(variant, is_fake=is_fake) for is_fake in (True, False)}
    return [
        {
            "model": variant.name,
            "module": name,
            "forward_truth": variant.forward[name],
            "forward_fake": found[True].get(name, (0, 0))[0],
            "forward_real": found[False].get(name, (0, 0))[0],
            "backward_truth": variant.backward[name] + variant.recompute.get(name, 0),
            "backward_fake": found[True].get(name, (0, 0))[1],
            "backward_real": found[False].get(name, (0, 0))[1],
        }
        for name in variant.forward
    ]


def _by_module(variant: BackwardVariant, *, is_fake: bool) -> Mapping[str, tuple[int, int]]:
    from attnprobe.probes.counting.tally import count, flops_by_module
    from attnprobe.records import LoadedModel
    from attnprobe.tracing.tracing import trace

    args, kwargs = variant.inputs()
    module = variant.build()
    model = LoadedModel(
        module=module,
        args=args,
        kwargs=kwargs,
        target=variant.name,
        entry=variant.name,
        inputs=(),
        loss=lambda outputs, _: variant.loss(outputs),
        is_fake=is_fake,
    )
    traced = trace(model, train=module.training, backward=True, with_lines=False)
    return flops_by_module(traced, count(traced))


def is_exact(row: Row) -> bool:
    """Every count of the row equals its truth."""
    pairs = {
        "truth": ("counted_fake", "counted_real"),
        "core_truth": ("core_counted",),
        "forward_truth": ("forward_fake", "forward_real"),
        "backward_truth": ("backward_fake", "backward_real"),
    }
    return all(
        row[count] == row[truth] for truth, counts in pairs.items() if truth in row for count in counts
    )


def _error(found: float | None, truth: float) -> str:
    if found is None or not truth:
        return "-" if found != truth else "none"
    return f"{found / truth - 1:+.2%}"


def print_forward(rows: list[Row]) -> None:
    """The table of the 23 models."""
    print(f"{'model':40} {'MFLOP':>8} {'fake':>9} {'real':>9} {'fvcore':>9} {'core':>9}")
    for row in rows:
        errors = [_error(row[key], row["truth"]) for key in ("counted_fake", "counted_real", "fvcore")]
        core = _error(row["core_counted"], row["core_truth"])
        print(f"{row['name']:40} {row['truth'] / 1e6:8.1f} " + " ".join(f"{e:>9}" for e in (*errors, core)))


def print_backward(rows: list[Row]) -> None:
    """The table of modules with their backward / forward ratios."""
    print(f"\n{'model':40} {'module':40} {'ratio':>6} {'fake':>9} {'real':>9}")
    for row in rows:
        ratio = row["backward_truth"] / row["forward_truth"]
        errors = [_error(row[key], row["backward_truth"]) for key in ("backward_fake", "backward_real")]
        print(f"{row['model']:40} {row['module'] or '(model)':40} {ratio:6.3f} {errors[0]:>9} {errors[1]:>9}")


def summarise(forward: list[Row], modules: list[Row]) -> Row:
    """How many counts are exact, how far the second counter is off, and on what this ran."""
    off = [abs(row["fvcore"] / row["truth"] - 1) for row in forward if row["fvcore"] is not None]
    return {
        "forward_models": len(forward),
        "forward_exact": sum(map(is_exact, forward)),
        "modules": len(modules),
        "modules_exact": sum(map(is_exact, modules)),
        "fvcore_models": len(off),
        "fvcore_within_1_percent": sum(error <= 0.01 for error in off),
        "python": platform.python_version(),
        **{name: version(name) for name in ("torch", "transformers", "fvcore")},
    }


if __name__ == "__main__":
    main()
