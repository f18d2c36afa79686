from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from attnprobe.checking.packs import yaml_reading
from attnprobe.checking.packs.nodes import Place, find, key_place, plain
from attnprobe.checking.packs.scalars import plain_value
from attnprobe.checking.packs.yaml_reading import MAX_BYTES, parse_yaml, read_yaml
from attnprobe.errors import RuleError


@pytest.fixture(params=["libyaml", "python"])
def parse(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Any]:
    """Both parsers that PyYAML has must say the same."""
    loader = yaml.CSafeLoader if request.param == "libyaml" else yaml.SafeLoader
    monkeypatch.setattr(yaml_reading, "_LOADER", loader)
    return lambda text: parse_yaml(text, "x.yaml")


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("true", True),
        ("false", False),
        ("null", None),
        ("~", None),
        ("3", 3),
        ("-3", -3),
        ("0", 0),
        ("0.25", 0.25),
        ("1e-3", 0.001),
        ("1.10", 1.1),
        ("no", "no"),
        ("Yes", "Yes"),
        ("True", "True"),
        ("on", "on"),
        ("012", "012"),
        ("0x1F", "0x1F"),
        ("0o17", "0o17"),
        ("1_000", "1_000"),
        (".5", ".5"),
        ("1.", "1."),
        ("+1", "+1"),
        (".nan", ".nan"),
        (".inf", ".inf"),
        ("1e999", "1e999"),
        ("9" * 40, "9" * 40),
        ("2026-01-31", "2026-01-31"),
        ("12:30:00", "12:30:00"),
        ("1.2.3", "1.2.3"),
        ("٣", "٣"),
        ("=", "="),
        ("<<", "<<"),
    ],
)
def test_a_plain_word_means_what_a_reader_expects(word: str, value: object) -> None:
    found = plain_value(word)
    assert found == value
    assert type(found) is type(value)


def test_quotes_make_text(parse: Callable[[str], Any]) -> None:
    found = plain(parse("a: '1'\nb: \"true\"\nc: |-\n  no\n"))
    assert found == {"a": "1", "b": "true", "c": "no"}


def test_everything_knows_where_it_stands(parse: Callable[[str], Any]) -> None:
    root = parse("a: 1\nb:\n  - 中文: x\n    d: [1, 22]\n")
    assert find(root, ("b", 0, "d", 1)).place == Place(4, 12)
    assert key_place(root, ("b", 0, "d")) == Place(4, 5)
    assert find(root, ("b", 0, "中文")).place == Place(3, 9)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: &x 1\nb: *x\n", "x.yaml:1:4: the anchor &x is not allowed"),
        ("b: *x\n", "x.yaml:1:4: the alias *x is not allowed"),
        ("a: 1\na: 2\n", "x.yaml:2:1: the key 'a' a second time (first in line 1) is not allowed"),
        ("{a: 1, 'a': 2}", "x.yaml:1:8: the key 'a' a second time"),
        ("a: !!python/object/apply:os.system ['true']\n", "x.yaml:1:4: the tag "),
        ("a: !!str 1\n", "x.yaml:1:4: the tag "),
        ("a: ! 1\n", "x.yaml:1:4: the tag !"),
        ("a: 1\n---\nb: 2\n", "x.yaml:2:1: a second document"),
        ("%YAML 1.1\n---\na: 1\n", "a YAML directive is not allowed"),
        ("? [a, b]\n: 1\n", "x.yaml:1:3: a key that is not a word"),
        ("'': 1\n", "x.yaml:1:1: a key that is not a word"),
        ("a: [1\n", "x.yaml:2:1: not YAML: "),
        ("a: 'x\n", "not YAML"),
        ("a:\n\t- 1\n", "x.yaml:2:1: not YAML: "),
        ("a: \x01\n", "not YAML"),
        ("a: 1\nb: \0\n", "x.yaml:2:1: a NUL character"),
        ("", "x.yaml is empty"),
        ("# nothing\n", "x.yaml is empty"),
    ],
)
def test_what_surprises_is_refused_at_its_place(text: str, message: str, parse: Callable[[str], Any]) -> None:
    with pytest.raises(RuleError) as caught:
        parse(text)
    assert message in caught.value.message


def _laughs() -> str:
    lines = ["a0: &a0 [x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (_laughs(), "the anchor &a0 is not allowed"),
        ("[" * 5000 + "]" * 5000, "nesting deeper than 12"),
        ("{a: " * 5000 + "1" + "}" * 5000, "nesting deeper than 12"),
        ("\n".join(" " * n + f"a{n}:" for n in range(300)), "nesting deeper than 12"),
    ],
)
def test_a_bomb_is_refused_at_once(text: str, message: str, parse: Callable[[str], Any]) -> None:
    start = time.process_time()
    with pytest.raises(RuleError, match=message):
        parse(text)
    assert time.process_time() - start < 1


def test_twelve_levels_are_read(parse: Callable[[str], Any]) -> None:
    assert plain(parse("[" * 11 + "1" + "]" * 11))
    with pytest.raises(RuleError, match="nesting deeper than 12"):
        parse("[" * 12 + "1" + "]" * 12)


def test_a_large_file_is_not_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "large.yaml"
    path.write_bytes(b"#" * (10 * 2**20))
    with pytest.raises(RuleError, match=r"large\.yaml is larger than 64 KB"):
        read_yaml(path, "large.yaml")
    path.write_bytes(b"a: 1 #" + b"#" * (MAX_BYTES - 6))
    assert plain(read_yaml(path, "large.yaml")[0]) == {"a": 1}


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"a: 1\nb: \xff\n", "x:2: not UTF-8"),
        ("a: 1".encode("utf-16"), "not UTF-8"),
        (b"a: \xed\xa0\x80", "not UTF-8"),
    ],
)
def test_other_encodings_are_refused(raw: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(raw)
    with pytest.raises(RuleError, match=message):
        read_yaml(tmp_path / "x", "x")


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"\xef\xbb\xbfa: 1\r\n")
    assert plain(read_yaml(tmp_path / "x", "x")[0]) == {"a": 1}


def test_what_is_no_file_is_an_error(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "missing"):
        with pytest.raises(RuleError, match="cannot be read"):
            read_yaml(path, "x")
