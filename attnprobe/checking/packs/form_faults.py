"""What pydantic finds wrong with a rule file, said at its place and in the words of the file."""

from __future__ import annotations

from collections.abc import Mapping as Facts
from typing import Any

from pydantic import ValidationError

from attnprobe.checking.packs.form import FORMS
from attnprobe.checking.packs.nodes import Mapping, Node, Place, find, key_place
from attnprobe.checking.packs.yaml_reading import fault
from attnprobe.errors import RuleError
from attnprobe.registry import nearest

_TYPES = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "list_type": "a list",
    "dict_type": "keys and values",
    "model_type": "keys and values",
    "model_attributes_type": "keys and values",
}
_SHOWN = 60


def form_fault(error: ValidationError, root: Node, shown: str) -> RuleError:
    """The fault that stands first in the file."""
    errors = error.errors(include_url=False)
    # A misspelt key is also a missing one: what is there is said before what is not.
    present = [each for each in errors if each["type"] != "missing"]
    faults = [_described(each, root) for each in present or errors]
    place, what, hint = min(faults, key=lambda each: (each[0].line, each[0].column))
    return fault(shown, place, what, hint)


def _described(error: Facts[str, Any], root: Node) -> tuple[Place, str, str]:
    path = error["loc"]
    if error["type"] == "missing":
        return find(root, path[:-1]).place, f"the key '{path[-1]}' is missing", ""
    if error["type"] == "extra_forbidden":
        known = _known_keys(path)
        what = f"unknown key '{str(path[-1])[:_SHOWN]}'{nearest(str(path[-1]), known)}"
        return key_place(root, path), what, f"Known: {', '.join(known)}."
    place = find(root, path).place
    return (
        place,
        f"{_key(path, root)}: found {_found(error['input'])}; expected {_expected(error)}",
        _hint(error),
    )


def _key(path: tuple[str | int, ...], root: Node) -> str:
    """The last step that is a key of the file; pydantic adds the kinds that it tried."""
    key, node = "the file", root
    for step in path:
        if isinstance(node, Mapping) and step in node.values:
            key = str(step)
        node = find(node, (step,))
    return key


def _known_keys(path: tuple[str | int, ...]) -> tuple[str, ...]:
    top = str(path[0]) if len(path) > 1 else ""
    forms = FORMS.get(top, FORMS[""])
    if "en" in path or (path[-2:-1] and path[-2] in ("title", "message", "why", "how", "wrong_when")):
        return ("en", "zh")
    keys = (field.alias or name for form in forms for name, field in form.model_fields.items())
    return tuple(dict.fromkeys(keys))


def _expected(error: Facts[str, Any]) -> str:
    context = error.get("ctx", {})
    if error["type"] in _TYPES:
        return _TYPES[error["type"]]
    if error["type"] == "literal_error":
        found = error["input"]
        words = tuple(word.strip("'") for word in str(context["expected"]).replace(" or ", ", ").split(", "))
        return f"{', '.join(words)}{nearest(found, words) if isinstance(found, str) else ''}"
    if error["type"] == "string_pattern_mismatch":
        return f"the form {context['pattern']}"
    if "ge" in context or "le" in context:
        return f"at least {context['ge']}" if "ge" in context else f"at most {context['le']}"
    if "min_length" in context or "max_length" in context:
        least = "min_length" in context
        count = context["min_length" if least else "max_length"]
        what = "characters" if isinstance(error["input"], str) else "of them"
        return f"at {'least' if least else 'most'} {count} {what}"
    return str(error["msg"])


def _found(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "keys and values"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    if value is None:
        return "nothing"
    shown = repr(value) if isinstance(value, str) else str(value)
    return shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}…"


def _hint(error: Facts[str, Any]) -> str:
    value = error.get("input")
    if error["type"] == "string_type" and isinstance(value, int | float) and not isinstance(value, bool):
        return f'Put it in quotes to make it text: "{value}".'
    return ""
