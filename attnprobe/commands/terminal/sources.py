"""What a module's file says of itself, without importing it."""

from __future__ import annotations

import ast
import os
from importlib.util import find_spec
from pathlib import Path


def file_of(module: str) -> str:
    """Where a module of ours lies, relative to the folder that holds the package."""
    origin = _origin(module)
    return os.path.join(*Path(origin).parts[-module.count(".") - 1 :]) if origin else ""


def first_line(module: str) -> str:
    """The first line of its docstring."""
    return docstring(module).split("\n", 1)[0]


def docstring(module: str) -> str:
    """Its docstring; "" when there is none."""
    origin = _origin(module)
    if not origin:
        return ""
    with open(origin, encoding="utf-8") as source:
        return ast.get_docstring(ast.parse(source.read())) or ""


def _origin(module: str) -> str:
    spec = find_spec(module)
    return (spec.origin or "") if spec else ""
