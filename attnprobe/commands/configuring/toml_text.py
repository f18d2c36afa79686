"""Settings as the text of an attnprobe.toml."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from attnprobe.checking.settings.keys import KEYS
from attnprobe.records import Budget, IgnoreEntry, Override, Settings
from attnprobe.report.parts.safe_text import safe

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_MOST = 4000


def settings_text(settings: Settings, *, has_origins: bool) -> Iterator[str]:
    """Line by line. Reading these lines as a file gives the same settings.

    Args:
        settings: As they were read.
        has_origins: With the place of each as a comment.
    """
    lines = _Lines(settings.origins if has_origins else None)
    yield from lines.comments(settings)
    yield from lines.plain(settings)
    yield from lines.rules(settings)
    yield from lines.budgets(settings.budgets)
    yield from lines.entries(settings)


class _Lines:
    def __init__(self, origins: Mapping[str, str] | None) -> None:
        self._origins = origins

    def comments(self, settings: Settings) -> Iterator[str]:
        """What no file can say: the files themselves, rules left out by option, the day."""
        yield f"# read: {_shown(', '.join(settings.files)) or 'no file'}"
        if settings.deselect:
            yield f"# without: {_shown(', '.join(settings.deselect))}{self._of('deselect')}"
        yield f"# today: {settings.today}{self._of('today')}"

    def plain(self, settings: Settings) -> Iterator[str]:
        """Every key of one value that is set."""
        for name, value in _plain_values(settings):
            yield self._line(name, value, name)

    def rules(self, settings: Settings) -> Iterator[str]:
        """Severities and options of rules."""
        if settings.severity:
            yield from ("", "[severity]")
        for rule, severity in settings.severity.items():
            yield self._line(rule, severity, f"severity.{rule}")
        for rule, options in settings.options.items():
            yield from ("", f"[options.{_key(rule)}]")
            for name, value in options.items():
                keys = (f"options.{rule}.{name}", f"options.{rule}.opt_{name}", "options")
                yield self._line(name, value, *keys)

    def budgets(self, budgets: Sequence[Budget]) -> Iterator[str]:
        """Limits, then changes."""
        for title, is_change in (("[budgets]", False), ("[budgets.delta]", True)):
            own = [each for each in budgets if (each.limit is None) == is_change]
            if own:
                yield from ("", title)
            for each in own:
                yield f"{_key(each.metric)} = {_budget(each)}{self._at(each.origin)}"

    def entries(self, settings: Settings) -> Iterator[str]:
        """Ignores and overrides."""
        for ignore in settings.ignores:
            yield from ("", f"[[ignore]]{self._at(ignore.origin)}", *_pairs(_ignore(ignore)))
        for override in settings.overrides:
            yield from ("", f"[[override]]{self._at(override.origin)}", *_pairs(_override(override)))

    def _line(self, name: str, value: Any, *keys: str) -> str:
        return f"{_key(name)} = {toml_value(value)}{self._of(*keys)}"

    def _of(self, *keys: str) -> str:
        if self._origins is None:
            return ""
        return self._at(next((self._origins[key] for key in keys if key in self._origins), "default"))

    def _at(self, origin: str) -> str:
        return f"  # {_shown(origin)}" if self._origins is not None and origin else ""


def toml_value(value: Any) -> str:
    """A value in TOML, on one line."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_key(name)} = {toml_value(each)}" for name, each in value.items()) + "}"
    if isinstance(value, tuple | list):
        return "[" + ", ".join(toml_value(each) for each in value) + "]"
    return repr(value)


def _plain_values(settings: Settings) -> Iterator[tuple[str, Any]]:
    for key in KEYS.values():
        owner, _, name = key.field.partition(".")
        if not owner or key.name == "shapes" or (key.kind == "table"):
            continue
        value = settings.scan.get(name) if owner == "scan" else getattr(settings, owner)
        if name == "mode":
            value = True if value == key.name else None
        if value not in (None, "", ()):
            yield key.name, value


def _budget(budget: Budget) -> str:
    table: dict[str, Any] = {"max": budget.text}
    if budget.is_paired:
        table |= {"mode": "paired", "runs": budget.runs}
    return toml_value({**table, "block": budget.is_blocking})


def _ignore(entry: IgnoreEntry) -> dict[str, Any]:
    one = entry.rules[0] if len(entry.rules) == 1 else entry.rules
    given = {"rule": one, "module": "" if entry.site == "*" else entry.site}
    return given | {"reason": entry.reason, "until": entry.until, "owner": entry.owner}


def _override(override: Override) -> dict[str, Any]:
    return {"match": override.match, "options": override.options, "severity": override.severity}


def _pairs(values: Mapping[str, Any]) -> Iterator[str]:
    for name, value in values.items():
        if value:
            yield f"{_key(name)} = {toml_value(value)}"


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else _text(name)


def _text(value: str) -> str:
    """A basic string; what a terminal would act on is written as an escape."""
    escaped = json.dumps(value, ensure_ascii=False)
    return "".join(
        each if each.isprintable() else f"\\U{ord(each):08x}" if ord(each) > 0xFFFF else f"\\u{ord(each):04x}"
        for each in escaped
    )


def _shown(text: str) -> str:
    return safe(text, _MOST)
