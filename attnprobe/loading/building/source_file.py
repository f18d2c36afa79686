"""Importing one Python file under a private name, whatever it is called and wherever it lies."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import os
import re
import stat
import sys
from pathlib import Path
from types import ModuleType

from attnprobe.errors import TargetError
from attnprobe.loading.building.process_state import add_to_path
from attnprobe.loading.building.user_code import relative, shown, text_of, users_code

_MAX_BYTES = 8 * 2**20


def import_file(path: Path) -> ModuleType:
    """The module that a file defines. Its folder, and last the working directory, are on the search path.

    Raises:
        TargetError: The file is missing, not a regular file, too big, or not text.
        ModelError: Its code raised.
    """
    source = _read(path)
    tree = _parse(source, path)
    real = path.resolve()
    add_to_path(real.parent)
    sys.path.append(os.getcwd())
    if any(isinstance(node, ast.ImportFrom) and node.level for node in ast.walk(tree)):
        packaged = _import_as_part_of_package(real)
        if packaged is not None:
            return packaged
    return _execute(tree, path, real)


def _read(path: Path) -> bytes:
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise TargetError(
                f"{shown(path)} is not a regular file", hint="Give the Python file of the model."
            )
        if status.st_size > _MAX_BYTES:
            raise TargetError(
                f"{shown(path)} has {status.st_size:,} bytes; a Python file is at most {_MAX_BYTES:,}",
                hint="Give the Python file that defines the model.",
            )
        return path.read_bytes()
    except FileNotFoundError:
        raise TargetError(f"{shown(path)} does not exist", hint=_neighbours(path)) from None
    except (OSError, ValueError) as error:
        raise TargetError(f"{shown(path)} cannot be read: {text_of(error)}") from error


def _neighbours(path: Path) -> str:
    folder = path.parent
    names = sorted(file.name for file in folder.glob("*.py")) if folder.is_dir() else []
    if not names:
        return "Check the path; it is taken from the working directory."
    return f"Python files in that folder: {', '.join(shown(name, 60) for name in names[:8])}."


def _parse(source: bytes, path: Path) -> ast.Module:
    if b"\0" in source:
        raise TargetError(
            f"{shown(path)} is not text: it holds a null byte", hint="Give a Python source file."
        )
    with users_code(
        f"reading {relative(path)}", hint="Correct the line; Python itself cannot read this file."
    ):
        try:
            importlib.util.decode_source(source)
            return ast.parse(source, filename=str(path))
        except (UnicodeDecodeError, LookupError) as error:
            raise TargetError(
                f"{shown(path)} is not UTF-8 text: {text_of(error)}", hint="Save it as UTF-8."
            ) from error
        except SyntaxError as error:
            if error.filename is None or "encoding" in text_of(error) or "unicode" in text_of(error):
                raise TargetError(
                    f"{shown(path)} is not UTF-8 text: {text_of(error)}", hint="Save it as UTF-8."
                ) from error
            raise


def _import_as_part_of_package(file: Path) -> ModuleType | None:
    """The module under its real dotted name, for a file with relative imports; None outside a package."""
    parts, folder = [file.stem], file.parent
    while (folder / "__init__.py").is_file():
        parts.insert(0, folder.name)
        folder = folder.parent
    if len(parts) == 1:
        return None
    add_to_path(folder)
    name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
    with users_code(f"importing {relative(file)} as {name}"):
        module = importlib.import_module(name)
    return module if getattr(module, "__file__", None) == str(file) else None


def _execute(tree: ast.Module, path: Path, real: Path) -> ModuleType:
    name = "attnprobe_target_" + re.sub(r"\W", "_", path.stem)
    spec = importlib.util.spec_from_file_location(name, real)
    if spec is None:
        raise TargetError(f"{shown(path)} cannot be imported as Python")
    module = importlib.util.module_from_spec(spec)
    before = sys.modules.get(name)
    sys.modules[name] = module  # dataclasses and pickles look their module up by name
    try:
        with users_code(f"importing {relative(path)}"):
            exec(compile(tree, str(real), "exec", dont_inherit=True), module.__dict__)
    except BaseException:
        sys.modules.pop(name)
        if before is not None:
            sys.modules[name] = before
        raise
    return module
