"""Which rules a command line means: ids, names and prefixes of those installed, files and folders."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from attnprobe.errors import RuleError, UsageError

if TYPE_CHECKING:
    from attnprobe.checking.packs import Rule


def found_rules(words: Sequence[str]) -> tuple[tuple[Rule, ...], tuple[RuleError, ...]]:
    """The rules that the words name, and the faults of files that cannot be read.

    Without words: all that are installed. A word that is a path is read from there.

    Raises:
        UsageError: A word that names no rule; offers the nearest.
    """
    from attnprobe.checking.evaluating import matches
    from attnprobe.checking.packs import check_paths, installed, nearest_rule

    paths = [Path(word) for word in words if _is_path(word)]
    names = [word for word in words if not _is_path(word)]
    rules, faults = check_paths(paths) if paths else ((), ())
    if paths and not names:
        return rules, faults
    own, own_faults = installed()
    chosen = tuple(rule for rule in own if not names or any(matches(name, rule) for name in names))
    for name in names:
        if not any(matches(name, rule) for rule in own) and not _is_faulty(name, own_faults):
            raise UsageError(
                f"no rule is named '{name}'{nearest_rule(name, own)}",
                hint="`attnprobe rules list` lists them all.",
            )
    shown = own_faults if not names else tuple(f for f in own_faults if _is_about(f, names))
    return (*rules, *chosen), (*faults, *shown)


def _is_path(word: str) -> bool:
    return word.endswith((".yaml", ".yml")) or "/" in word or Path(word).is_dir()


def _is_about(fault: RuleError, names: Sequence[str]) -> bool:
    return any(f"/{name}" in fault.message or f"-{name}." in fault.message for name in names)


def _is_faulty(name: str, faults: Sequence[RuleError]) -> bool:
    return any(_is_about(fault, [name]) for fault in faults)
