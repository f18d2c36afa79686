"""The placeholders of a message: {name} or {name:format}."""

from __future__ import annotations

from string import Formatter

FORMATS = ("pct", "int", "num", "sci", "bytes", "flops", "ms", "ratio", "label")


def pieces(text: str) -> tuple[tuple[str, str, str], ...]:
    """A message in pieces: (words, name, format); name is "" where only words follow.

    Raises:
        ValueError: A single brace, or a placeholder of another form.
    """
    found = []
    for words, name, form, conversion in Formatter().parse(text):
        if name is None:
            found.append((words, "", ""))
            continue
        if not name.isidentifier() or conversion:
            raise ValueError(f"{{{name}}} is no placeholder; write {{name}} or {{name:format}}")
        if form and form not in FORMATS:
            raise ValueError(f"{{{name}:{form}}}: the formats are {', '.join(FORMATS)}")
        found.append((words, name, form or ""))
    return tuple(found)


def fact_named(value: object) -> str:
    """The name in an option "{name}" of a replacement: it stands for that number; "" for any other value."""
    is_named = isinstance(value, str) and value.startswith("{") and value.endswith("}")
    return str(value)[1:-1] if is_named else ""


def placeholders(text: str) -> tuple[tuple[str, str], ...]:
    """(name, format) of every placeholder, sorted."""
    return tuple(sorted((name, form) for _, name, form in pieces(text) if name))
