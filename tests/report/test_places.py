"""Places as a stranger may see them: relative, below the checkout, percent-encoded in addresses."""

import pytest

from attnprobe.records import Location
from attnprobe.report.judged.places import (
    file_of_target,
    path_of,
    place_of_origin,
    shown,
    shown_origin,
    shown_side,
    uri_of,
)


@pytest.mark.parametrize(
    ("file", "path"),
    [
        ("model.py", "model.py"),
        ("./layers//attn.py", "layers/attn.py"),
        ("/home/alice/secret/model.py", "model.py"),
        ("../../etc/passwd", "passwd"),
        ("layers/../../x.py", "x.py"),
        ("C:\\Users\\alice\\model.py", "model.py"),
        ("\\\\server\\share\\model.py", "model.py"),
        ("..", ""),
        ("/", ""),
        ("", ""),
    ],
)
def test_no_path_is_absolute_or_climbs_out(file, path):
    assert path_of(file) == path


@pytest.mark.parametrize(
    ("file", "uri"),
    [
        ("a b.py", "a%20b.py"),
        ("注.py", "%E6%B3%A8.py"),  # U+6CE8 is E6 B3 A8 in UTF-8
        ("a:b.py", "a%3Ab.py"),
        ("a#b?c%.py", "a%23b%3Fc%25.py"),
        ("a\nb.py", "a%0Ab.py"),
        ("\ud800.py", "%5Cud800.py"),
    ],
)
def test_an_address_is_percent_encoded(file, uri):
    assert uri_of(file) == uri


def test_a_line_of_code_is_shown_harmless():
    assert shown(Location("a\x1b.py", 7, "f")) == "a\\x1b.py:7"
    assert shown(None) == shown(Location("..", 7, "f")) == ""


def test_only_a_python_file_is_the_file_of_a_target():
    assert file_of_target("model.py") == Location("model.py", 1, "")
    assert file_of_target("src/model.py:build") == Location("src/model.py", 1, "")
    for target in ("hf:llama", "timm:vit", "package.module:attr", "program.pt2", "", "x.py/y:z"):
        assert file_of_target(target) is None


def test_an_origin_is_a_place_where_it_names_a_line():
    assert place_of_origin("pyproject.toml:31") == Location("pyproject.toml", 31, "")
    assert place_of_origin("command line") is None
    assert shown_origin("/home/alice/pyproject.toml:31") == "pyproject.toml:31"
    assert shown_origin("ATTNPROBE_FAIL_ON") == "ATTNPROBE_FAIL_ON"


def test_a_side_of_a_comparison_is_a_revision_or_a_file_without_folders():
    assert shown_side("origin/main (1a2b3c4)") == "origin/main (1a2b3c4)"
    assert shown_side("/home/alice/base.json") == "base.json"
