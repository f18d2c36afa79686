"""The settings in force: the command line over ATTNPROBE_* over the nearest file over the defaults."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from attnprobe.checking.settings.budget_table import WrittenBudget
from attnprobe.checking.settings.days import day_of
from attnprobe.checking.settings.places import found_from, named_file
from attnprobe.checking.settings.sources import Values, from_command_line, from_environment, from_file
from attnprobe.errors import SettingsError
from attnprobe.records import Budget, Settings

_FACTORY = re.compile(r"[^\[\]]+:[A-Za-z_]\w*")  # "attnprobe_inputs.py:make", not "ids:int64[2,128]"
_RANKS = {"exact": 0, "modelled": 1, "sampled": 1, "noisy": 2}


def read_settings(
    start: Path,
    *,
    config: Path | None = None,
    given: Mapping[str, Any] | None = None,
    environ: Mapping[str, str] | None = None,
    today: str = "",
    is_searched: bool = True,
) -> Settings:
    """The settings of a run that begins in a folder.

    Args:
        start: From here upwards the configuration is searched; paths in the result are relative to it.
        config: A pyproject.toml or attnprobe.toml instead of the search.
        given: What the command line gave, by the names of its parameters ("fail_on", "deselect"); None and
            empty sequences are what it did not give.
        environ: The environment, of which ATTNPROBE_* and SOURCE_DATE_EPOCH are read.
        is_searched: False: no file is read but `config`.
        today: The day by which ignores end; "" for the environment's, else the local date.

    Raises:
        SettingsError: With file and line: an unknown key, a wrong type, an unknown metric, not TOML.
    """
    environ = environ or {}
    start = start if start.is_dir() else start.parent
    found = named_file(config, start) if config else found_from(start) if is_searched else None
    in_file = from_file(found, start) if found else []
    in_environment, notices = from_environment(environ)
    fields, origins = _merged((in_file, in_environment, from_command_line(given or {})))
    day, clock = day_of(today, environ)
    origins["today"] = clock
    fields["scan"] = _scan_options(fields.get("scan", {}), origins)
    fields["budgets"] = _budgets(fields.get("budgets", ()), fields.get("block", "exact"))
    return replace(
        Settings(),
        **fields,
        today=day,
        origins=origins,
        files=(found.name,) if found else (),
        notices=(*(found.notices if found else ()), *notices),
    )


def _merged(sources: Iterable[Values]) -> tuple[dict[str, Any], dict[str, str]]:
    """Later sources win; mappings win entry by entry, and what is ignored adds up."""
    fields: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for values in sources:
        modes = [node for key, value, node in values if key.field == "scan.mode" and value]
        if len(modes) > 1:
            raise SettingsError("train and infer cannot both be true", location=modes[1].origin)
        for key, value, node in values:
            owner, _, name = key.field.partition(".")
            if not owner or value is None:
                continue
            _put(fields, owner, {name: value} if name else value)
            origins.update(_places(key.name, node))
    return fields, origins


def _put(fields: dict[str, Any], name: str, value: Any) -> None:
    before = fields.get(name)
    if name == "options" and before:
        value = {rule: {**before.get(rule, {}), **value.get(rule, {})} for rule in {**before, **value}}
    elif isinstance(value, Mapping):
        value = {**(before or {}), **value}
    elif name in ("ignores", "overrides", "budgets", "deselect"):
        value = (*(before or ()), *value)
    fields[name] = value


def _places(name: str, node: Any) -> Mapping[str, str]:
    """Where a key stands; of a table, each entry of it too."""
    places = {name: node.origin}
    if isinstance(node.value, Mapping):
        for step, each in node.items():
            places.update(_places(f"{name}.{step}", each))
    return places


def _scan_options(options: Mapping[str, Any], origins: dict[str, str]) -> Mapping[str, Any]:
    """`inputs = "file.py:make"` names batches of one's own, which the scan calls `data`."""
    inputs = options.get("inputs", ())
    if len(inputs) != 1 or not _FACTORY.fullmatch(inputs[0]):
        return options
    if "data" in options:
        raise SettingsError("inputs and data both name batches", location=origins.get("data", ""))
    origins["data"] = origins.get("inputs", origins.get("shapes", ""))
    rest = {name: value for name, value in options.items() if name != "inputs"}
    return {**rest, "data": inputs[0]}


def _budgets(written: Iterable[WrittenBudget], block: str) -> tuple[Budget, ...]:
    """The last word on each metric. It may fail a check where it was asked to, or is exact enough."""
    found: dict[tuple[str, bool], Budget] = {}
    for each in written:
        may_block = _RANKS[each.exactness] <= _RANKS[block]
        asked = each.is_asked_to_block
        budget = replace(each.budget, is_blocking=may_block if asked is None else asked)
        found[budget.metric, budget.limit is None] = budget
    return tuple(found.values())
