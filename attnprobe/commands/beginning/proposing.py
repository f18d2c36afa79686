"""The configuration to begin with, and budgets a quarter above what a scan has now."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from math import ceil
from typing import TYPE_CHECKING

from attnprobe.checking.budgets import value_of
from attnprobe.commands.configuring.toml_text import toml_value

if TYPE_CHECKING:
    from attnprobe.records import Number, Scan

ROOM = Fraction(5, 4)
_BUDGETED = (  # with the names that a configuration may use
    ("flops", "flops_forward"),
    ("params", "parameters"),
    ("kv_bytes_per_token", "kv_cache_bytes_per_token"),
    ("peak_forward_bytes", "peak_forward_bytes"),
    ("peak_training_bytes", "peak_training_bytes"),
)
_SI = (("T", 10**12), ("G", 10**9), ("M", 10**6), ("k", 10**3), ("", 1))
_IEC = (("TiB", 2**40), ("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10), ("B", 1))


def configuration(target: str, scan: Scan | None) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The lines of the section itself, and those of its budgets ("" budgets without a scan).

    Args:
        target: What will be checked; "" where nobody said.
        scan: From which budgets are proposed.
    """
    workload = tuple(_workload(scan)) if scan else ()
    return (*_section(target), *workload), tuple(_budgets(scan)) if scan else ()


def proposed(value: Number, unit: str) -> str:
    """The value and a quarter, rounded up to three digits, as a configuration writes it: "1.25 GF"."""
    room = Fraction(value) * ROOM
    scales = _IEC if unit == "byte" else _SI
    name, factor = next(((name, factor) for name, factor in scales if room >= factor), scales[-1])
    scaled = room / factor
    digits = max(0, 3 - len(str(int(scaled))))
    rounded = Fraction(ceil(scaled * 10**digits), 10**digits) if factor > 1 else Fraction(ceil(scaled))
    shown = str(int(rounded)) if rounded.denominator == 1 else f"{float(rounded):.{digits}f}"
    symbol = "F" if unit == "FLOP" else ""
    return f"{shown} {name}{symbol}".strip()


def _section(target: str) -> Iterator[str]:
    yield f"model = {toml_value(target)}" if target else '# model = "model.py"'
    yield 'fail-on = "error"'
    yield '# inputs = "attnprobe_inputs.py:make"  # once it makes batches of your own'
    yield '# baseline = "attnprobe-baseline.json"  # once `attnprobe baseline create` has written it'


def _workload(scan: Scan) -> Iterator[str]:
    """What makes the next scan run on the same work, where nobody gave the inputs."""
    workload = scan.workload
    if any(each.origin == "guessed" for each in workload.inputs):
        sizes = {"batch-size": workload.batch_size, "seq-len": workload.seq_len}
        yield from (f"{name} = {size}" for name, size in sizes.items() if size)
    if workload.train:
        yield "train = true"
    elif not workload.backward:
        yield "infer = true"


def _budgets(scan: Scan) -> Iterator[str]:
    for name, metric in _BUDGETED:
        value = value_of(scan, metric)
        if value:
            yield f"{name} = {toml_value(proposed(value, scan.metrics[metric].unit))}"
