"""What kind of work an op does, by its name. Without a class and a formula it is reported as unknown."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import Literal, cast

from attnprobe.probes.counting.formulas import find_formula, packet

OpClass = Literal["contraction", "elementwise", "reduction", "copy", "view", "free", "unknown"]

_FREE_NAMESPACES = frozenset({"prim", "profiler", "streams"})


def op_class(name: str) -> OpClass:
    """The class of an op by its full name, e.g. "aten._softmax.default" -> "reduction"."""
    if find_formula(name) is not None:
        return "contraction"
    namespace, _, short = packet(name).rpartition(".")
    if namespace in _FREE_NAMESPACES:
        return "free"
    return _class_of(short) if namespace in ("aten", "prims") else "unknown"


def is_activation(name: str) -> bool:
    """Whether an op is one of the nonlinear functions between the two halves of a feed-forward layer."""
    return packet(name).rpartition(".")[2] in _names()["activations"]


@cache
def _class_of(short: str) -> OpClass:
    for name, members in _names().items():
        if short in members and name != "activations":
            return cast(OpClass, name)
    base = short.removesuffix("_backward")
    return _class_of(base) if base != short else "unknown"


@cache
def _names() -> dict[str, frozenset[str]]:
    text = Path(__file__).with_suffix(".toml").read_text(encoding="utf-8")
    return {name: frozenset(words.split()) for name, words in tomllib.loads(text).items()}
