"""Which files `attnprobe init` would write. Nothing is written here, and nothing there is planned over."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from attnprobe.checking.settings.places import OWN_FILE, PROJECT_FILE
from attnprobe.checking.settings.toml_file import parsed, read_text
from attnprobe.commands.beginning.texts import INPUTS, WORKFLOW
from attnprobe.errors import UsageError

INPUTS_FILE = "attnprobe_inputs.py"
WORKFLOW_FILE = ".github/workflows/attnprobe.yml"


@dataclass(frozen=True, slots=True)
class Step:
    """One file."""

    path: Path
    name: str  # relative to the folder
    what: str  # "written", "is there already; left as it is"
    content: bytes | None  # of the whole file afterwards; None: it stays as it is
    shown: str  # what is added


def plan(folder: Path, lines: tuple[Sequence[str], Sequence[str]]) -> tuple[Step, ...]:
    """One step per file.

    Args:
        folder: The root of the project.
        lines: Of the section and of its budgets.

    Raises:
        SettingsError: The pyproject.toml is no TOML.
        UsageError: Something that is no file or folder is in the way.
    """
    return (
        _configuration(folder, *lines),
        _new_file(folder, INPUTS_FILE, INPUTS),
        _new_file(folder, WORKFLOW_FILE, WORKFLOW),
    )


def _configuration(folder: Path, section: Sequence[str], budgets: Sequence[str]) -> Step:
    own, project = folder / OWN_FILE, folder / PROJECT_FILE
    if own.exists():
        return _left(own, OWN_FILE)
    if not project.exists():
        return _new_file(folder, OWN_FILE, _text("", section, "budgets", budgets))
    text = read_text(project, PROJECT_FILE)
    tool = parsed(text, PROJECT_FILE).get("tool", {})
    if isinstance(tool, dict) and "attnprobe" in tool:
        return _left(project, PROJECT_FILE, "has [tool.attnprobe] already")
    added = _text("[tool.attnprobe]", section, "tool.attnprobe.budgets", budgets)
    whole = _appended(project.read_bytes(), added)
    try:
        tomllib.loads(whole.decode("utf-8-sig"))
    except tomllib.TOMLDecodeError:  # `tool = {…}` on one line takes no further tables
        return _new_file(folder, OWN_FILE, _text("", section, "budgets", budgets))
    return Step(project, PROJECT_FILE, "extended by [tool.attnprobe] at its end", whole, added)


def _appended(before: bytes, added: str) -> bytes:
    """The bytes that were there, an empty line, and ours; with the line ends of the file."""
    ending = b"\r\n" if b"\r\n" in before else b"\n"
    gap = b"" if not before.strip() else ending if before.endswith(b"\n") else 2 * ending
    return before + gap + added.encode().replace(b"\n", ending)


def _text(header: str, section: Sequence[str], name: str, budgets: Sequence[str]) -> str:
    lines = [header, *section] if header else [*section]
    if budgets:
        lines += ["", f"[{name}]  # a quarter above what the model had when this was written", *budgets]
    return "\n".join(lines) + "\n"


def _new_file(folder: Path, name: str, text: str) -> Step:
    path = folder / name
    for parent in reversed(path.relative_to(folder).parents[:-1]):
        if (folder / parent).exists() and not (folder / parent).is_dir():
            raise UsageError(f"{parent} is in the way: it is no folder")
    if path.exists() or path.is_symlink():
        return _left(path, name)
    return Step(path, name, "written", text.encode(), text)


def _left(path: Path, name: str, why: str = "is there already") -> Step:
    return Step(path, name, f"{why}; left as it is", None, "")
