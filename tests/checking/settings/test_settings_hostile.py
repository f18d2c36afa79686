"""Configuration files that nobody means well: hostile.md 42 and 43."""

from __future__ import annotations

import time
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attnprobe.checking.settings import checked_against, read_settings
from attnprobe.checking.settings.keys import KEYS
from attnprobe.commands.configuring.toml_text import toml_value
from attnprobe.errors import SettingsError


def fault(folder: Path, text: str | bytes) -> SettingsError:
    content = text.encode() if isinstance(text, str) else text
    (folder / "attnprobe.toml").write_bytes(content)
    with pytest.raises(SettingsError) as caught:
        read_settings(folder)
    return caught.value


@pytest.mark.parametrize(
    ("text", "message", "location"),
    [
        ("[[ignore]]\nuntil = 9999-99-99\n", "9999-99-99 is no date of the calendar", "attnprobe.toml:2"),
        ("[[ignore]]\nuntil = 2027-02-30\n", "2027-02-30 is no date of the calendar", "attnprobe.toml:2"),
        (
            '[[ignore]]\nrule = "AP1"\nuntil = "9999-99-99"\n',
            "ignore[0].until: expected a day as in 2027-03-31, found a text ('9999-99-99')",
            "attnprobe.toml:3",
        ),
        (
            '[[ignore]]\nrule = "AP1"\nuntil = "20270331"\n',
            "ignore[0].until: expected a day as in 2027-03-31, found a text ('20270331')",
            "attnprobe.toml:3",
        ),
    ],
)
def test_a_day_that_does_not_exist_is_named(text: str, message: str, location: str, tmp_path: Path) -> None:
    error = fault(tmp_path, text)
    assert (error.message, error.location) == (message, location)


def test_a_huge_file_is_refused_unread(tmp_path: Path) -> None:
    assert "is larger than 1 MiB" in fault(tmp_path, "# \n" * 400_000).message


@pytest.mark.parametrize(
    "text",
    [
        "a = " + "[" * 100_000,
        "a = " + "[" * 90_000 + "]" * 90_000,
        "a = " + "{a=" * 90_000,
        ".".join("a" * 200_000) + " = 1",
        "[" + ".".join(["a"] * 200_000) + "]",
        ".".join(['"a"'] * 200_000) + " = 1",
        " . ".join("a" * 100_000) + " = 1",
        "a = {" + ".".join("a" * 200_000) + " = 1}",
    ],
)
def test_deep_nesting_ends_quickly_in_one_line(text: str, tmp_path: Path) -> None:
    start = time.perf_counter()
    error = fault(tmp_path, text)
    assert time.perf_counter() - start < 5
    assert "\n" not in error.message
    assert len(error.message) < 200


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"\xff\xfe\x00", "is not UTF-8 text"),
        (b"fail-on = \x00", "is not TOML"),
        (b"fail-on = 'error'\nfail-on = 'info'", "Cannot overwrite a value"),
        (b"<<<<<<< HEAD\nfail-on = 'error'\n", "is not TOML"),
        (b"fail-on =", "is not TOML"),
        (b"[[override]]\nmatch = '" + b"{0..1}" * 50 + b"'", "more than 20 braces"),
        (b"'</script>' = 1", "unknown key '</script>'"),
    ],
)
def test_a_spoiled_file_is_one_clear_line(content: bytes, words: str, tmp_path: Path) -> None:
    error = fault(tmp_path, content)
    assert words in error.message
    assert "\n" not in error.message


def test_a_folder_or_a_broken_link_of_that_name_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "attnprobe.toml").mkdir()
    (tmp_path / "pyproject.toml").symlink_to(tmp_path / "gone.toml")
    assert read_settings(tmp_path).files == ()


def test_a_project_file_of_others_may_be_broken(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[project\n")
    assert read_settings(tmp_path).files == ()


def test_a_broken_project_file_that_names_us_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.attnprobe]\nselect = [\n")
    with pytest.raises(SettingsError, match=r"pyproject\.toml is not TOML"):
        read_settings(tmp_path)


def test_a_byte_order_mark_and_windows_lines_do_no_harm(tmp_path: Path) -> None:
    (tmp_path / "attnprobe.toml").write_bytes(b"\xef\xbb\xbflang = 'zh'\r\n\r\nfail-on = 'info'\r\n")
    settings = read_settings(tmp_path)
    assert settings.language == "zh"
    assert settings.origins["fail-on"] == "attnprobe.toml:3"


_LEAVES = st.one_of(
    st.integers(-(2**63), 2**63 - 1),
    st.floats(),
    st.booleans(),
    st.dates(),
    st.datetimes(),
    st.sampled_from(
        ["", "AP1", "AP101", "error", "cpu", "+2%", "1 GF", "2027-03-31", "h.{0..3}", "a,,b", "x:y"]
    ),
    st.text(max_size=5),
)
_WORDS = "rule module until reason match options severity max mode block runs delta flops time AP101"
_NAMES = st.sampled_from((*_WORDS.split(), "AP101.share", *KEYS))
_VALUES = st.recursive(
    _LEAVES,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(_NAMES, inner, max_size=3)),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from([*KEYS]), _VALUES, max_size=3))
def test_any_values_end_in_settings_or_in_one_clear_error(
    tmp_path_factory: pytest.TempPathFactory, values: dict[str, object]
) -> None:
    folder = tmp_path_factory.mktemp("project")
    text = "".join(f"{name} = {_toml(value)}\n" for name, value in values.items())
    (folder / "attnprobe.toml").write_text(text, encoding="utf-8")
    said = ""
    try:
        checked_against(read_settings(folder), ())
    except SettingsError as error:
        said = error.message
    assert "\n" not in said
    assert len(said) < 400


def _toml(value: object) -> str:
    """As `toml_value`, with dates, which no setting is made of once it is read."""
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f'"{name}" = {_toml(each)}' for name, each in value.items()) + "}"
    return value.isoformat() if isinstance(value, date) else toml_value(value)
