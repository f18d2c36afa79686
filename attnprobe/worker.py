"""The process that runs the user's code: one job, one answer, then a hard exit.

Started by `attnprobe.isolation`. What it needs of the standard library is imported before any code of the
user's runs, so a model that replaces `json.dumps` or closes every descriptor breaks its own scan and no more.
"""

from __future__ import annotations

import faulthandler
import gc
import json
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

from attnprobe.discovered import FOLDERS
from attnprobe.errors import AttnprobeError, TargetError, WorkerError
from attnprobe.isolation.failures import describe, text_of
from attnprobe.isolation.limits import limit_this_process
from attnprobe.isolation.messages import Sender, from_json, to_json
from attnprobe.isolation.other_tree import left_behind, look_in
from attnprobe.isolation.processes import die_with_parent
from attnprobe.records import ScanOptions
from attnprobe.registry import Plugin, discover

Job = Callable[[Mapping[str, Any], Sender], str]

_JSON = dict(vars(json))  # as it is before a model can replace parts of it
_MAX_STATE = 4_000
_exit = os._exit
_flush_to = (sys.stdout, sys.stderr)


def main(arguments: Sequence[str]) -> None:
    """Take a request from one descriptor, do the job, answer on another. Never returns.

    Args:
        arguments: The numbers of the two descriptors.
    """
    gc.disable()  # a short life: what imports and captures allocate stays; measuring turns it on again
    request_descriptor, channel = map(int, arguments)
    os.set_inheritable(channel, False)
    with open(request_descriptor, "rb") as stream:
        request = from_json(stream.read())
    sender = Sender(channel, bytes.fromhex(request["key"]))
    try:
        _prepare(request)
        text = JOBS[request["job"]](request["arguments"], sender)
        sender.send("result", text.encode("utf-8", "backslashreplace"))
    except BaseException as error:
        # A SystemExit or KeyboardInterrupt of the model's is a failure like any other.
        sender.send("failure", to_json(describe(error)))
    finally:
        _leave()


def _prepare(request: Mapping[str, Any]) -> None:
    die_with_parent()
    if os.getppid() != request["parent"]:
        raise WorkerError("the process that started this one is gone")
    faulthandler.enable()
    if hasattr(faulthandler, "register"):
        faulthandler.register(signal.SIGUSR1)
    limit_this_process(request["arguments"]["memory_bytes"])


def _leave() -> None:
    """End at once: no exit handler, thread or destructor of the model's is waited for."""
    for stream in _flush_to:
        try:
            stream.flush()
        except BaseException:
            continue
    _exit(0)


def _scan(arguments: Mapping[str, Any], sender: Sender) -> str:
    pipeline, scan_file = _imported("pipeline"), _imported("scan_file")
    options = _options(arguments)
    scan = pipeline.scan_target(options, _progress(sender))
    _check_version(arguments)
    vars(json).update(_JSON)
    text: str = scan_file.dump(scan)
    return text


def _times(arguments: Mapping[str, Any], sender: Sender) -> str:
    baton = _baton(arguments["baton"])
    paired_timing = _imported("paired_timing")
    times = paired_timing.time_in_turns(_options(arguments), baton, arguments["pairs"], _progress(sender))
    _check_version(arguments)
    return to_json(times).decode()


def _baton(ends: Sequence[int]) -> Any:
    for descriptor in ends[1:]:
        os.set_inheritable(descriptor, False)
    return _imported("isolation.turns").Baton(*ends)


def _options(arguments: Mapping[str, Any]) -> ScanOptions:
    """The options of a job; from here on the user's code is found where it should be."""
    options = ScanOptions(**{name: _tuple(value) for name, value in arguments["options"].items()})
    if arguments.get("instead"):
        look_in(*arguments["instead"])
    sys.meta_path.append(_StartingPath(options.target))
    sys.dont_write_bytecode = True  # no __pycache__ beside the user's files
    return options


def _progress(sender: Sender) -> Callable[[str, str, float | None], None]:
    def progress(stage: str, state: str, seconds: float | None) -> None:
        message = [stage[:200], state[:_MAX_STATE], None if seconds is None else float(seconds)]
        sender.send("progress", to_json(message))

    return progress


def _check_version(arguments: Mapping[str, Any]) -> None:
    """Make sure that the version in another folder did not take modules of the one that is installed."""
    strangers = left_behind(sys.modules, *arguments["instead"]) if arguments.get("instead") else ()
    if strangers:
        raise TargetError(
            f"it imports {', '.join(strangers[:3])} from the working tree, where the package is installed",
            hint="Install the package not in editable mode, or compare two scans that were saved.",
        )


class _StartingPath:
    """Finds what the path led to when the process started, and what lies beside the model's file.

    Whatever the model did to `sys.path` since, and however late it imports: inside its forward, say.
    """

    def __init__(self, target: str) -> None:
        file = target if target.endswith(".py") else target.rpartition(":")[0]
        folder = os.path.dirname(os.path.abspath(file)) if file.endswith(".py") else os.getcwd()
        self._path = (*sys.path, folder)

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The module, looked for last of all."""
        return PathFinder.find_spec(name, self._path if path is None else path, target)


def _machine(arguments: Mapping[str, Any], sender: Sender) -> str:
    torch = _imported("torch", package="")
    discovered, faults = _discovered()
    machine = {
        "torch": torch.__version__,
        "devices": [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())],
        "threads": torch.get_num_threads(),
        "discovered": discovered,
        "faults": faults,
    }
    return to_json(machine).decode()


def _discovered() -> tuple[list[str], list[str]]:
    """Import every discovered folder: how many things each holds, and what does not import."""
    counts, faults = [], []
    for folder in FOLDERS:
        try:
            found: Mapping[str, Plugin[Any]] = discover(
                folder.package, folder.attribute, group=folder.group, suffix=folder.suffix
            )
            counts.append(f"{len(found)} {folder.title.lower()}")
        except AttnprobeError as error:
            faults.append(text_of(error))
    return counts, faults


JOBS: Mapping[str, Job] = {"scan": _scan, "times": _times, "machine": _machine}


def _imported(name: str, package: str = "attnprobe.") -> Any:
    from importlib import import_module

    try:
        return import_module(package + name)
    except ImportError as error:
        if (error.name or "").partition(".")[0] == "attnprobe":
            raise
        raise WorkerError(
            f"a package that attnprobe needs does not import: {text_of(error)}",
            hint="See `attnprobe doctor`; install it again.",
        ) from error


def _tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
