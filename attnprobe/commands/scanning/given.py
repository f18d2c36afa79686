"""What the options of a scan ask for, with the configuration's values where the command line is silent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from attnprobe.isolation.limits import Limits, default_memory_bytes, parse_size
from attnprobe.records import Scan, ScanOptions

if TYPE_CHECKING:
    from attnprobe.commands.terminal.session import Session


def scan_given(target: str, given: Mapping[str, Any], session: Session) -> Scan:
    """Scan a target in a process of its own.

    Raises:
        AttnprobeError: The scan's own error, or how its process ended.
    """
    from attnprobe.commands.scanning.isolated import scan_isolated

    return scan_isolated(options_of(target, given), limits_of(given), session, given["passed_names"])


def options_of(target: str, given: Mapping[str, Any]) -> ScanOptions:
    """The options by the names of their fields."""
    named = {field.name: given[field.name] for field in fields(ScanOptions) if field.name in given}
    return ScanOptions(
        target=target, train=given["mode"] == "train", backward=given["mode"] != "infer", **named
    )


def limits_of(given: Mapping[str, Any]) -> Limits:
    """Of time and memory."""
    size = given["memory_limit"]
    return Limits(seconds=given["timeout"], memory_bytes=parse_size(size) if size else default_memory_bytes())


def configured(given: Mapping[str, Any], configuration: Mapping[str, Any]) -> dict[str, Any]:
    """The options of the running command; those that nobody gave as the configuration has them."""
    context = click.get_current_context()
    unset = (ParameterSource.DEFAULT, ParameterSource.DEFAULT_MAP)
    silent = {name for name in configuration if context.get_parameter_source(name) in unset}
    return {**given, **{name: configuration[name] for name in silent}}


def sources_of(target: str, given: Mapping[str, Any]) -> list[str]:
    """The files that the scan reads, as far as the command line tells."""
    data = (given["data"] or "").rpartition(":")[0]
    candidates = (target, target.rpartition(":")[0], given["weights"] or "", data)
    return [name for name in candidates if name and "\0" not in name and Path(name).exists()]
