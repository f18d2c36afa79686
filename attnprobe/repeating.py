"""How to get a scan again: the command, without the machine in it."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator

from attnprobe.records import ScanOptions

_REPEATED = (
    ("--input", "inputs"),
    ("--length", "lengths"),
    ("--probe", "probes"),
    ("--skip-probe", "skip_probes"),
)
_VALUES = (
    *("batch_size", "seq_len", "dtype", "weights", "device", "target_device"),
    *("repeats", "warmup", "seed", "batches", "data"),
)


def shown_target(target: str) -> str:
    """A target without an absolute path: relative to the working directory, or else its last name alone."""
    scheme, colon, path = target.partition(":") if target.startswith("hf:") else ("", "", target)
    if not os.path.isabs(path):
        return target
    relative = os.path.relpath(path)
    return scheme + colon + (os.path.basename(path) if relative.startswith("..") else relative)


def command_of(options: ScanOptions) -> str:
    """The command line that asks for the same scan, quoted for a shell; what is the default is left out."""
    return shlex.join(("attnprobe", "scan", shown_target(options.target), *_options(options)))


def _options(options: ScanOptions) -> Iterator[str]:
    default = ScanOptions(target="")
    for flag, name in _REPEATED:
        for value in getattr(options, name):
            yield from (flag, str(value))
    for name in _VALUES:
        value = getattr(options, name)
        if value != getattr(default, name):
            yield from ("--" + name.replace("_", "-"), shown_target(str(value)))
    if options.static:
        yield "--static"
    if options.train or not options.backward:
        yield "--train" if options.train else "--infer"
