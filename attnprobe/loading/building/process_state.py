"""What the user's code may change in this process, kept and put back."""

from __future__ import annotations

import locale
import os
import random
import sys
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import torch


@contextmanager
def process_state_kept(seed: int) -> Iterator[None]:
    """Run the body with every random generator seeded; afterwards the process is as it was before."""
    with ExitStack() as stack:
        stack.enter_context(warnings.catch_warnings())
        for keep in (_folder, _imports, _umask, _locale, _torch_defaults, _random_state):
            stack.enter_context(keep())
        random.seed(seed)
        torch.manual_seed(seed)
        if "numpy" in sys.modules:
            sys.modules["numpy"].random.seed(seed % 2**32)
        yield


@contextmanager
def _folder() -> Iterator[None]:
    before = os.getcwd()
    try:
        yield
    finally:
        os.chdir(before)


@contextmanager
def _imports() -> Iterator[None]:
    path, argv, bytecode = list(sys.path), list(sys.argv), sys.dont_write_bytecode
    sys.dont_write_bytecode = True  # no __pycache__ beside the user's files
    try:
        yield
    finally:
        sys.path[:], sys.argv[:], sys.dont_write_bytecode = path, argv, bytecode


@contextmanager
def _umask() -> Iterator[None]:
    before = os.umask(0o077)
    os.umask(before)
    try:
        yield
    finally:
        os.umask(before)


@contextmanager
def _locale() -> Iterator[None]:
    before = locale.setlocale(locale.LC_ALL)
    try:
        yield
    finally:
        with suppress(locale.Error):
            locale.setlocale(locale.LC_ALL, before)


@contextmanager
def _torch_defaults() -> Iterator[None]:
    dtype, device = torch.get_default_dtype(), torch.get_default_device()
    grad, threads = torch.is_grad_enabled(), torch.get_num_threads()
    precision, deterministic = (
        torch.get_float32_matmul_precision(),
        torch.are_deterministic_algorithms_enabled(),
    )
    try:
        yield
    finally:
        torch.set_default_dtype(dtype)
        if torch.get_default_device() != device:
            torch.set_default_device(None if device.type == "cpu" else device)
        torch.set_grad_enabled(grad)
        if torch.get_num_threads() != threads:
            torch.set_num_threads(threads)
        torch.set_float32_matmul_precision(precision)
        torch.use_deterministic_algorithms(deterministic)


@contextmanager
def _random_state() -> Iterator[None]:
    python, cpu = random.getstate(), torch.get_rng_state()
    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else []  # type: ignore[no-untyped-call]
    numpy: Any = sys.modules.get("numpy")
    arrays = numpy.random.get_state() if numpy else None
    try:
        yield
    finally:
        random.setstate(python)
        torch.set_rng_state(cpu)
        if cuda:
            torch.cuda.set_rng_state_all(cuda)
        if numpy:
            numpy.random.set_state(arrays)


def add_to_path(folder: Path) -> None:
    """Let the modules beside the user's file be imported: before installed packages, after Python's own.

    So a sibling named like a module of the standard library (json.py) hides nothing.
    """
    entry = str(folder)
    if entry in sys.path:
        return
    own = [index for index, name in enumerate(sys.path) if _is_standard_library(name)]
    sys.path.insert(max(own, default=-1) + 1, entry)


def _is_standard_library(name: str) -> bool:
    stdlib = os.path.dirname(os.__file__)
    inside = name == stdlib or name.startswith(stdlib + os.sep) or name.endswith(".zip")
    return inside and "-packages" not in name
