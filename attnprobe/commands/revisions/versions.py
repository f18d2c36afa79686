"""Two versions of a target, each where its files lie."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from attnprobe.commands.revisions.git import (
    Repository,
    checked_out,
    merge_base,
    repository_of,
    revision_of,
    working_tree_name,
)
from attnprobe.errors import UsageError
from attnprobe.records import ScanOptions

_LFS_POINTER = b"version https://git-lfs"


@dataclass(frozen=True, slots=True)
class Version:
    """A version of the files."""

    name: str  # "origin/main (1a2b3c4)"
    folder: Path | None  # the working directory in its tree; None: ours
    instead: tuple[str, str] | None = None  # the working tree, and the tree that takes its place

    @property
    def place(self) -> Path:
        """The folder in which the target is looked for."""
        return Path.cwd() if self.folder is None else self.folder


@contextmanager
def versions_of(base: str, head: str | None, *, from_merge_base: bool) -> Iterator[tuple[Version, Version]]:
    """Base and head, checked out where they are not the working tree.

    Args:
        base: A revision.
        head: Another; None: the working tree.
        from_merge_base: Take the commit where head left base instead of base itself.

    Raises:
        UsageError: No repository, no such revision, or git cannot check it out.
    """
    repository = repository_of(Path.cwd())
    before = revision_of(repository, base)
    after = None if head is None else revision_of(repository, head)
    if from_merge_base:
        before = merge_base(repository, before, after or revision_of(repository, "HEAD"))
    with ExitStack() as stack:
        first = stack.enter_context(checked_out(repository, before))
        second = None if after is None else stack.enter_context(checked_out(repository, after))
        newer = (
            Version(working_tree_name(repository), None)
            if second is None
            else _version(str(after), repository, second)
        )
        yield _version(str(before), repository, first), newer


def options_for(options: ScanOptions, version: Version) -> ScanOptions:
    """The options, with the files that they name as this version has them.

    Data and weights that the version lacks (they are not under version control, or are kept elsewhere) are
    those of the working directory.

    Raises:
        UsageError: The target lies outside of the repository.
    """
    if version.folder is None:
        return options
    data, colon, name = (options.data or "").rpartition(":")
    return replace(
        options,
        target=_target(options.target, version),
        weights=_own_or_ours(options.weights, version) if options.weights else None,
        data=f"{_own_or_ours(data, version)}:{name}" if colon and data.endswith(".py") else options.data,
    )


def has_target(options: ScanOptions, version: Version) -> bool:
    """Whether the file or folder of the target, if it is one, exists in this version."""
    file = _file_of(_target(options.target, version))
    if not version.place.is_dir():
        return False
    exists_here = file is not None and Path(_file_of(options.target) or "").exists()
    return file is None or not exists_here or (version.place / file).exists()


def _version(name: str, repository: Repository, tree: Path) -> Version:
    return Version(name, tree / repository.prefix, (str(repository.root), str(tree)))


def _target(target: str, version: Version) -> str:
    """Relative to the working directory, so that it is found below another one."""
    file = _file_of(target)
    if version.instead is None or file is None:
        return target
    root = version.instead[0]
    real = os.path.realpath(file)
    if os.path.exists(real) and not real.startswith(root + os.sep):
        raise UsageError(
            f"{file} lies outside of the repository {root}: there is only one version of it",
            hint="Give a target below it, or compare two saved scans.",
        )
    if not os.path.isabs(file):
        return target
    relative = os.path.relpath(real, os.path.realpath(os.getcwd()))
    return target.replace(file, relative, 1)


def _file_of(target: str) -> str | None:
    """The path in a target; None where it names something that is installed."""
    if target.startswith("timm:"):
        return None
    name = target.removeprefix("hf:")
    candidates = (name, name.rpartition(":")[0])
    found = (path for path in candidates if path.endswith((".py", ".pt2")))
    folder = name if target.startswith("hf:") and Path(name).is_dir() else None
    return next(found, folder)


def _own_or_ours(path: str, version: Version) -> str:
    own = version.place / path
    if not os.path.isabs(path) and own.is_file() and not _is_pointer(own):
        return path
    return os.path.abspath(path) if Path(path).exists() else path


def _is_pointer(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(_LFS_POINTER)) == _LFS_POINTER
