"""What pydantic finds wrong with a rule file, said at its place and in the words of the file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from attnprobe.checking.packs.nodes import Node, Place, find, key_place
from attnprobe.checking.packs.schema import FORMS
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
    faults = [_described(each, root) for each in error.errors(include_url=False)]
    place, what, hint = min(faults, key=lambda each: (each[0].line, each[0].column))
    return fault(shown, place, what, hint)


def _described(error: Mapping[str, Any], root: Node) -> tuple[Place, str, str]:
    path = error["loc"]
    key = next((step for step in reversed(path) if isinstance(step, str) and " " not in step), "")
    if error["type"] == "missing":
        return find(root, path[:-1]).place, f"the key '{path[-1]}' is missing", ""
    if error["type"] == "extra_forbidden":
        known = _known_keys(path)
        what = f"unknown key '{str(path[-1])[:_SHOWN]}'{nearest(str(path[-1]), known)}"
        return key_place(root, path), what, f"Known: {', '.join(known)}."
    place = find(root, path).place
    return place, f"{key}: found {_found(error['input'])}; expected {_expected(error)}", _hint(error)


def _known_keys(path: tuple[str | int, ...]) -> tuple[str, ...]:
    top = str(path[0]) if len(path) > 1 else ""
    forms = FORMS.get(top, FORMS[""])
    if "en" in path or (path[-2:-1] and path[-2] in ("title", "message", "why", "how", "wrong_when")):
        return ("en", "zh")
    keys = (field.alias or name for form in forms for name, field in form.model_fields.items())
    return tuple(dict.fromkeys(keys))


def _expected(error: Mapping[str, Any]) -> str:
    context = error.get("ctx", {})
    if error["type"] in _TYPES:
        return _TYPES[error["type"]]
    if error["type"] == "literal_error":
        found = error["input"]
        words = tuple(word.strip("'") for word in str(context["expected"]).replace(" or ", ", ").split(", "))
        return f"{', '.join(words)}{nearest(found, words) if isinstance(found, str) else ''}"
    if error["type"] == "string_pattern_mismatch":
        return f"the form {context['pattern']}"
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


def _hint(error: Mapping[str, Any]) -> str:
    value = error.get("input")
    if error["type"] == "string_type" and isinstance(value, int | float) and not isinstance(value, bool):
        return f'Put it in quotes to make it text: "{value}".'
    return ""
