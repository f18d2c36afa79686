from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from attnprobe.isolation.user_code import (
    is_user_file,
    location,
    location_in_dump,
    location_in_traceback,
)

DUMP = """Fatal Python error: Segmentation fault

Current thread 0x00007f (most recent call first):
  File "{stdlib}", line 519 in string_at
  File "{model}", line 12 in forward
  File "{model}", line 30 in build_model
"""


def test_pythons_installed_and_our_files_are_not_the_users(tmp_path: Path) -> None:
    assert not is_user_file(json.__file__)
    assert not is_user_file(pytest.__file__)
    assert not is_user_file(os.path.join(os.path.dirname(location.__code__.co_filename), "child.py"))
    assert not is_user_file("<string>")
    assert is_user_file(str(tmp_path / "model.py"))


def test_a_location_is_relative_below_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert location(str(tmp_path / "nets" / "gpt.py"), 7) == os.path.join("nets", "gpt.py:7")


def test_a_location_elsewhere_shows_no_folder_of_the_users(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    assert location(str(tmp_path / "secret" / "gpt.py"), 7) == "gpt.py:7"


def test_the_innermost_line_of_the_users_is_taken_from_a_dump(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert location_in_dump(DUMP.format(stdlib=json.__file__, model=tmp_path / "model.py")) == "model.py:12"
    assert location_in_dump("no dump") == ""


def test_the_innermost_line_of_the_users_is_taken_from_a_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    source = "import json\ndef parse():\n    return json.loads('{')\nparse()\n"
    with pytest.raises(json.JSONDecodeError) as caught:
        exec(compile(source, str(tmp_path / "model.py"), "exec"), {})
    # This test's own frame is the user's too; the innermost is line 3 of the model.
    assert location_in_traceback(caught.value.__traceback__) == "model.py:3"
