from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import pytest

from attnprobe.isolation.other_tree import left_behind, look_in


def module(name: str, file: Path) -> ModuleType:
    made = ModuleType(name)
    made.__file__ = str(file)
    return made


def test_the_search_path_turns_to_the_other_tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    for folder in (here / "src", here / ".venv", there / "src"):
        folder.mkdir(parents=True)
    monkeypatch.setattr(sys, "path", [str(here), str(here / "src"), str(here / ".venv"), "/usr/lib/x"])
    look_in(str(here), str(there))
    # .venv is under no version control, so the other tree has none.
    assert sys.path == [str(there), str(there / "src"), str(here / ".venv"), "/usr/lib/x"]


def test_a_folder_that_begins_alike_is_another_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there, other = tmp_path / "repo", tmp_path / "there", tmp_path / "repository"
    for folder in (here, there, other):
        folder.mkdir()
    monkeypatch.setattr(sys, "path", [str(other)])
    look_in(str(here), str(there))
    assert sys.path == [str(other)]


def test_modules_of_the_first_tree_are_named_and_installed_ones_are_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    venv = tmp_path / ".venv"
    monkeypatch.setattr(sys, "prefix", str(venv))
    modules = {
        "project.model": module("project.model", tmp_path / "src" / "project" / "model.py"),
        "numpy": module("numpy", venv / "lib" / "numpy" / "__init__.py"),
        "attnprobe.records": module("attnprobe.records", tmp_path / "attnprobe" / "records.py"),
        "other": module("other", tmp_path.parent / "elsewhere.py"),
        "of_the_other": module("of_the_other", tmp_path / "tmp" / "tree" / "model.py"),
        "builtin": ModuleType("builtin"),
    }
    assert left_behind(modules, str(tmp_path), str(tmp_path / "tmp" / "tree")) == ("project.model",)
