"""Reads `sample_models/answers/*.json`: the hand-derived facts that tests compare attnprobe with."""

from __future__ import annotations

import importlib.util
import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

SAMPLES = Path(__file__).resolve().parents[1] / "sample_models"
NAMES = tuple(sorted(path.stem for path in SAMPLES.glob("*.py")))
NEED_TRANSFORMERS = ("hf_llama", "hf_t5")


@dataclass(frozen=True)
class ExpectedSite:
    """One attention of a sample model: one module, one call."""

    module: str
    call: int
    facts: Mapping[str, Any]  # of `AttentionSite`: only what the answers claim
    flops: Mapping[str, int]  # component -> FLOPs of the forward pass
    projections: Mapping[
        str, tuple[str, tuple[int, int]]
    ]  # role -> parameter, (first row, one past the last)
    kv_cache_bytes_per_token: int | None
    line: int | None  # in the sample's file; None: no claim


@dataclass(frozen=True)
class Answers:
    """All that is known about one sample model."""

    name: str
    raw: Mapping[str, Any]

    @property
    def path(self) -> Path:
        """The model's file."""
        return SAMPLES / f"{self.name}.py"

    @property
    def flops_forward(self) -> int:
        """Matrix products and convolutions of one forward pass, 2 per multiply-add."""
        return int(self.raw["flops_forward"])

    @property
    def rest_of_forward(self) -> Mapping[str, int]:
        """The part of it that belongs to no site."""
        return {name: int(result(text)) for name, text in self.raw["rest_of_forward"].items()}

    @property
    def sites(self) -> tuple[ExpectedSite, ...]:
        """One entry per module and call."""
        return tuple(self._sites())

    def _sites(self) -> Iterator[ExpectedSite]:
        for entry in self.raw["sites"]:
            for module in entry["modules"]:
                for call in range(entry.get("calls", 1)):
                    yield _expected(entry, module, call, self.path)


FACTS = (
    *("mechanism", "normaliser", "role", "batch", "num_heads", "num_kv_heads", "head_dim", "value_dim"),
    *("q_len", "kv_len", "is_causal", "window_left", "window_right", "visible_share", "scale"),
)


def read_answers(name: str) -> Answers:
    """The answers of `sample_models/<name>.py`."""
    return Answers(name, json.loads((SAMPLES / "answers" / f"{name}.json").read_text()))


def load_sample(name: str) -> ModuleType:
    """The sample's file as a module."""
    spec = importlib.util.spec_from_file_location(f"sample_{name}", SAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def result(value: Any) -> Any:
    """The last part of "letters = numbers = result", or the value itself when nothing was derived."""
    if not isinstance(value, str):
        return value
    number = float(value.rpartition("=")[2])
    return int(number) if number.is_integer() else number


def work_out(text: str, sizes: Mapping[str, int]) -> tuple[float, float, float]:
    """(formula in letters, formula in numbers, result) of a derived number, each evaluated."""
    letters, numbers, last = (part.strip() for part in text.split("="))
    products = re.sub(r"(?<=[\w)])\s+(?=[\w(])", "*", letters)
    if re.search(r"[^\w\s+\-*/().]", products + numbers):
        raise ValueError(f"not a formula: {text}")
    return eval(products, {"__builtins__": {}}, dict(sizes)), eval(numbers, {"__builtins__": {}}), float(last)


def derivations(value: Any) -> Iterator[str]:
    """Every derived number of an answers file."""
    if (
        isinstance(value, str)
        and value.count("=") == 2
        and re.fullmatch(r"[\d.]+", value.rpartition("= ")[2])
    ):
        yield value
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from derivations(part)
    elif isinstance(value, list):
        for part in value:
            yield from derivations(part)


def _expected(entry: Mapping[str, Any], module: str, call: int, path: Path) -> ExpectedSite:
    prefix = f"{module}." if module else ""
    cache = result(entry.get("kv_cache_bytes_per_token"))
    return ExpectedSite(
        module=module,
        call=call,
        facts={key: result(entry[key]) if key in _NUMBERS else entry[key] for key in FACTS if key in entry},
        flops={part: int(result(text)) for part, text in entry["flops"].items()},
        projections={role: _rows(prefix + text) for role, text in entry.get("projections", {}).items()},
        kv_cache_bytes_per_token=cache,
        line=_line(path, entry["line"], entry.get("class", "")) if "line" in entry else None,
    )


_NUMBERS = ("visible_share", "scale")


def _rows(text: str) -> tuple[str, tuple[int, int]]:
    """ "a.weight[0:32]" -> ("a.weight", (0, 32))."""
    found = re.fullmatch(r"(.+)\[(\d+):(\d+)\]", text)
    assert found is not None, text
    return found[1], (int(found[2]), int(found[3]))


def _line(path: Path, text: str, class_name: str) -> int:
    """Line number of the statement `text`, the first one inside `class class_name` when a class is given."""
    lines = path.read_text().splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith(f"class {class_name}"))
    return next(i + 1 for i in range(start, len(lines)) if lines[i].partition("  #")[0].strip() == text)


def members(pattern: str) -> list[str]:
    """ "heads.{0..1}.weight" -> ["heads.0.weight", "heads.1.weight"]."""
    found = re.fullmatch(r"(.*)\{(\d+)\.\.(\d+)\}(.*)", pattern)
    if found is None:
        return [pattern]
    return [f"{found[1]}{number}{found[4]}" for number in range(int(found[2]), int(found[3]) + 1)]


def is_near(found: Any, expected: Any) -> bool:
    """Equal, or equal to nine digits for floats."""
    if isinstance(expected, float) and isinstance(found, int | float):
        return math.isclose(found, expected, rel_tol=1e-9)
    return bool(found == expected)
