from __future__ import annotations

import tomllib
from collections.abc import Iterator
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from attnprobe.checking.settings.positions import Path, key_lines


def test_keys_stand_on_the_line_on_which_they_begin() -> None:
    text = """\
# a comment with key = 1
top = "a # b" # c

[tool.attnprobe]
'quoted key' = [  # elements
  "one", {inner = 1, other = [2]},
  # between
  "]",
]
many = \"\"\"
lines = 1
\"\"\"
a.b . "c\\u0064" = 1979-05-27 07:32:00
[[tool.attnprobe.ignore]]
rule = 1
[[tool.attnprobe.ignore]]
rule = 2
[tool.attnprobe.ignore.sub]
deep = 3
"""
    tomllib.loads(text)
    lines = key_lines(text)
    section = ("tool", "attnprobe")
    assert lines["top",] == 2
    assert lines[section] == 4
    assert lines[(*section, "quoted key")] == 5
    assert lines[(*section, "quoted key", 0)] == 6
    assert lines[(*section, "quoted key", 1, "inner")] == 6
    assert lines[(*section, "quoted key", 1, "other", 0)] == 6
    assert lines[(*section, "quoted key", 2)] == 8
    assert lines[(*section, "many")] == 10
    assert (*section, "lines") not in lines
    assert lines[(*section, "a", "b", "cd")] == 13
    assert lines[(*section, "ignore")] == 14
    assert lines[(*section, "ignore", 0, "rule")] == 15
    assert lines[(*section, "ignore", 1)] == 16
    assert lines[(*section, "ignore", 1, "rule")] == 17
    assert lines[(*section, "ignore", 1, "sub", "deep")] == 19


def test_text_that_is_no_toml_gives_what_can_be_read() -> None:
    assert key_lines("a = 1\nb = [") == {("a",): 1, ("b",): 2}
    assert key_lines("") == {}
    assert key_lines("= 1") == {}


_KEYS = st.text(alphabet="ab-_1", min_size=1, max_size=3)
_TEXTS = st.text(alphabet="ab]}[{,=#'.\"\\ é\n", max_size=6)
_VALUES = st.recursive(
    st.one_of(st.integers(-99, 99), st.booleans(), st.floats(allow_nan=False), _TEXTS),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(_KEYS, inner, max_size=3)),
    max_leaves=8,
)


def _written(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        return f'"{escaped}"'
    if isinstance(value, list):
        return "[" + "".join(f"\n  {_written(each)}, # ]" for each in value) + "\n]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {_flat(each)}" for key, each in value.items()) + "}"
    return repr(value)


def _flat(value: Any) -> str:
    """On one line, as TOML 1.0 wants it inside an inline table."""
    if isinstance(value, list):
        return "[" + ", ".join(_flat(each) for each in value) + "]"
    return _written(value)


def _paths(value: Any, path: Path = ()) -> Iterator[Path]:
    steps = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, inner in steps:
        yield (*path, step)
        yield from _paths(inner, (*path, step))


@given(st.dictionaries(_KEYS, _VALUES, max_size=4))
def test_every_key_and_element_is_found_on_a_line_that_holds_it(values: dict[str, Any]) -> None:
    text = "".join(f"# {key} = 0\n\n{key} = {_written(value)}\n" for key, value in values.items())
    assert tomllib.loads(text) == values
    lines = key_lines(text)
    assert set(lines) == set(_paths(values))
    rows = text.split("\n")
    for key in values:
        assert rows[lines[key,] - 1].startswith(f"{key} = ")
