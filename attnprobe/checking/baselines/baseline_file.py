"""The file attnprobe-baseline.json: findings that are known, and what they were found in.

It is committed and merged: sorted, one line per entry, no lines of code and no numbers but exact ones.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attnprobe.errors import BaselineError, ScanFileError
from attnprobe.records import Number
from attnprobe.strict_json import parse_object

if TYPE_CHECKING:
    from pydantic import BaseModel

DEFAULT_NAME = "attnprobe-baseline.json"
SCHEMA_VERSION = 1
MAX_BYTES = 16 * 2**20
_HINT = "`attnprobe baseline update` writes it anew."


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """In what the findings were found. A baseline of anything else says nothing about this scan."""

    target: str  # "model.py:build()"
    inputs: str  # "ids:int64[2,128]"
    mode: str  # "evaluation, with gradients"
    device: str  # "cpu", "cuda"
    dtype: str  # "float32"
    torch: str  # "2.13"
    depth: str  # "static", "measured"
    ruleset: str  # hash of rules and options


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One known finding."""

    fingerprint: str
    rule: str
    where: str  # "h.{0..11}.attn"; "" for the whole model
    kind: str  # mechanism of the attention; "" for the whole model
    level: str  # of the rule: "site", "head", "model" …
    count: int  # places: sites, or heads where the rule looks at heads
    metrics: Mapping[str, Number] = field(default_factory=dict)  # exact ones of the worst place


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """What was found when somebody decided to live with it."""

    schema: int
    tool: str  # "attnprobe 0.1.0"
    date: str  # "2026-11-21"
    header: Header
    totals: Mapping[str, Number]  # exact costs of the whole model, for budgets of change
    entries: tuple[Entry, ...]


def written(baseline: Baseline) -> str:
    """The text of the file: one line per header key, total and entry; entries by rule and place."""
    entries = sorted(baseline.entries, key=lambda each: (each.rule, each.where, each.fingerprint))
    head = {"schema": baseline.schema, "tool": baseline.tool, "date": baseline.date}
    lines = [f" {_json(key)}: {_json(value)}," for key, value in head.items()]
    lines += _block("header", asdict(baseline.header), sort=False)
    lines += _block("totals", baseline.totals, sort=True)
    rows = ",\n".join(
        f"  {_json(asdict(each) | {'metrics': dict(sorted(each.metrics.items()))})}" for each in entries
    )
    lines.append(f' "entries": [\n{rows}\n ]' if rows else ' "entries": []')
    return "{\n" + "\n".join(lines) + "\n}\n"


def read(path: Path) -> Baseline:
    """The baseline saved at a path.

    Raises:
        BaselineError: The file cannot be read, or is no baseline; one line with what is wrong.
    """
    name = path.name
    try:
        if not path.is_file():
            raise BaselineError(f"{name} is not a file", hint="`attnprobe baseline create` writes one.")
        if path.stat().st_size > MAX_BYTES:
            raise BaselineError(f"{name} is larger than {MAX_BYTES // 2**20} MiB: no baseline is")
        text = path.read_bytes().decode("utf-8")
    except UnicodeDecodeError:
        raise BaselineError(f"{name} is not text: no baseline is saved like that") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise BaselineError(f"{name} cannot be read: {reason}") from None
    return load(text, name)


def load(text: str, name: str = DEFAULT_NAME) -> Baseline:
    """The baseline that `written` made.

    Raises:
        BaselineError: Conflict markers, cut short, another schema, or a field that is not as it should be.
    """
    from pydantic import ValidationError

    _refuse_conflicts(text, name)
    data = _parsed(text, name)
    _check_schema(data, name)
    try:
        envelope = _envelope().model_validate_json(json.dumps({"baseline": data}))
    except ValidationError as error:
        fault = error.errors()[0]
        place = ascii(".".join(str(step)[:80] for step in fault["loc"][1:]))[1:-1]
        raise BaselineError(f"{name}: {place}: {fault['msg']}", hint=_HINT) from None
    baseline: Baseline = envelope.baseline  # type: ignore[attr-defined]
    seen: set[str] = set()
    for entry in baseline.entries:
        if entry.fingerprint in seen:
            raise BaselineError(f"{name} holds the entry {entry.fingerprint} twice", hint=_HINT)
        seen.add(entry.fingerprint)
    return baseline


def _refuse_conflicts(text: str, name: str) -> None:
    for number, line in enumerate(text.split("\n"), start=1):
        if line.startswith(("<<<<<<< ", ">>>>>>> ", "||||||| ")) or line.rstrip() == "=======":
            raise BaselineError(
                f"{name} holds the conflict markers of a merge",
                hint="Take either side, then `attnprobe baseline update`.",
                location=f"{name}:{number}",
            )


def _parsed(text: str, name: str) -> dict[str, Any]:
    try:
        return parse_object(text, MAX_BYTES)
    except ScanFileError as error:  # it speaks of scans, which are read by the same rules
        said = error.message.replace("a saved scan", "a baseline").replace("the scan", name)
        raise BaselineError(said, hint=_HINT) from None


def _check_schema(data: Mapping[str, Any], name: str) -> None:
    version = data.get("schema")
    if type(version) is not int or "entries" not in data:
        raise BaselineError(f"{name} is JSON, but no baseline", hint="Give an attnprobe-baseline.json.")
    if version != SCHEMA_VERSION:
        who = "A newer" if version > SCHEMA_VERSION else "An older"
        raise BaselineError(
            f"{name} has schema {version}; this attnprobe reads schema {SCHEMA_VERSION}",
            hint=f"{who} attnprobe wrote it. {_HINT}",
        )


def _block(name: str, values: Mapping[str, Any], *, sort: bool) -> list[str]:
    pairs = sorted(values.items()) if sort else list(values.items())
    rows = [f"  {_json(key)}: {_json(value)}" for key, value in pairs]
    return [f' "{name}": {{', ",\n".join(rows), " },"] if rows else [f' "{name}": {{}},']


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=True, allow_nan=False)


@cache
def _envelope() -> type[BaseModel]:
    from pydantic import ConfigDict, create_model

    strict = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)
    return create_model("Envelope", __config__=strict, baseline=(Baseline, ...))
