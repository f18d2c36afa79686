"""Is every attention call found, and nothing else called attention?

For every model of the zoo, the calls in which attnprobe finds attention are compared with `expected.json`,
which is compared with what the spy sees. A site counts for the nearest expected module that contains it.
Run by hand:

    python -m benchmarks.detection_zoo.run --output benchmarks/results/detection_zoo.json
    python -m benchmarks.detection_zoo.run --types bert,swin
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import time
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

from attnprobe.records import AttentionSite, LoadedModel
from benchmarks.detection_zoo import ZOO, Entry
from benchmarks.detection_zoo.spy import pattern, watched_calls

SECONDS_PER_MODEL = 60
EXPECTED: Mapping[str, Any] = json.loads((Path(__file__).parent / "expected.json").read_text())


def main() -> None:
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument("--types", default="", help="comma-separated; default: the whole zoo")
    arguments.add_argument("--spy-only", action="store_true", help="compare the spy with expected.json only")
    arguments.add_argument("--output", type=Path, help="where the JSON goes")
    chosen = arguments.parse_args()
    os.environ["HF_HUB_OFFLINE"] = "1"  # before transformers is imported
    warnings.simplefilter("ignore")
    names = chosen.types.split(",") if chosen.types else [entry.name for entry in ZOO]
    rows = []
    for entry in (entry for entry in ZOO if entry.name in names):
        rows.append(examine(entry, spy_only=chosen.spy_only))
        print(line(rows[-1]), flush=True)
    summary = summarise(rows)
    print(json.dumps(summary, indent=2))
    if chosen.output:
        chosen.output.write_text(json.dumps({"summary": summary, "models": rows}, indent=1) + "\n")
    sys.exit(1 if any(row["problems"] for row in rows) else 0)


def examine(entry: Entry, *, spy_only: bool) -> dict[str, Any]:
    """One model: expected calls, found calls, and every difference in words."""
    expected = Counter({name: fact["calls"] for name, fact in EXPECTED[entry.name]["attention"].items()})
    others = Counter(EXPECTED[entry.name].get("other_softmax", {}))
    problems = list(_audit(expected + others, watched_calls(entry.build(), entry.inputs())))
    row = {
        "name": entry.name,
        "family": entry.family,
        "expected": expected.total(),
        "found": None,
        "seconds": None,
    }
    if not spy_only:
        start = time.perf_counter()
        try:
            with _at_most(SECONDS_PER_MODEL):
                sites = found_sites(entry)
        except Exception as error:
            problems.append(f"{type(error).__name__}: {error}")
        else:
            found = found_calls(sites, expected)
            row |= {
                "found": found.total(),
                "sites": len(sites),
                "other_roles": list(_other_roles(entry, sites)),
            }
            problems += _compare(expected, found)
        row["seconds"] = round(time.perf_counter() - start, 2)
    return {**row, "problems": problems}


@contextmanager
def _at_most(seconds: int) -> Iterator[None]:
    """Raise TimeoutError in the body when it runs longer."""

    def stop(*_: object) -> None:
        raise TimeoutError(f"longer than {seconds} s")

    signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)


def found_sites(entry: Entry) -> tuple[AttentionSite, ...]:
    """Everything that attnprobe calls attention in one forward pass."""
    from attnprobe.tracing.tracing import trace

    model = LoadedModel(
        module=entry.build(),
        args=(),
        kwargs=dict(entry.inputs()),
        target=entry.name,
        entry=entry.name,
        inputs=(),
    )
    return trace(model, train=False, backward=False, with_lines=False).sites


def found_calls(sites: Iterable[AttentionSite], expected: Mapping[str, int]) -> Counter[str]:
    """Pattern of modules -> number of calls in which attention was found.

    A site inside an expected module counts for that module, whatever of its submodules it names.
    """
    calls = {(*_home(site.module, expected), site.call) for site in sites}
    return Counter(home for home, _, _ in calls)


def _other_roles(entry: Entry, sites: Iterable[AttentionSite]) -> Iterator[str]:
    """Sites whose role is not the expected one. No problem of detection, but worth a look."""
    facts = EXPECTED[entry.name]["attention"]
    for site in sites:
        role = facts.get(_home(site.module, facts)[0], {}).get("role")
        if role not in (None, site.role):
            yield f"{site.id}: {site.role}, expected {role}"


def _home(module: str, expected: Mapping[str, Any]) -> tuple[str, str]:
    """(pattern, name) of the nearest expected module around a module; its own when there is none."""
    parts = module.split(".")
    for length in range(len(parts), -1, -1):
        name = ".".join(parts[:length])
        if pattern(name) in expected:
            return pattern(name), name
    return pattern(module), module


def _audit(expected: Mapping[str, int], seen: Mapping[str, int]) -> Iterator[str]:
    for name in sorted({*expected, *seen}):
        wanted, saw = expected.get(name, 0), seen.get(name, 0)
        if wanted != saw:
            yield f"spy: {name or 'the model'}: expected {wanted} calls, saw {saw}"


def _compare(expected: Mapping[str, int], found: Mapping[str, int]) -> Iterator[str]:
    for name in sorted({*expected, *found}):
        wanted, got = expected.get(name, 0), found.get(name, 0)
        if wanted != got:
            word = "missed" if got < wanted else "called attention"
            yield f"{name or 'the model'}: {abs(wanted - got)} {word} (expected {wanted}, found {got})"


def line(row: Mapping[str, Any]) -> str:
    """One line of the table."""
    found = "-" if row["found"] is None else row["found"]
    verdict = "; ".join(row["problems"]) or "ok"
    return f"{row['name']:30} {row['family']:16} {row['expected']:3} {found:>3}  {verdict}"


def summarise(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """What was compared, with which versions, and how it came out."""
    return {
        "models": len(rows),
        "models_right": sum(not row["problems"] for row in rows),
        "models_with_other_roles": sum(bool(row.get("other_roles")) for row in rows),
        "attention_calls": sum(row["expected"] for row in rows),
        "torch": version("torch"),
        "transformers": version("transformers"),
    }


if __name__ == "__main__":
    main()
