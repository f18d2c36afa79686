"""Asking git, without letting the repository run anything or change anything of the user's.

Hooks, filters (LFS), file-system monitors, submodules and the network are off. The working tree and the
index are never written; a revision is checked out in a folder of its own, which is gone afterwards.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from attnprobe.errors import UsageError
from attnprobe.report.parts.safe_text import safe

_QUIET = (
    *("-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false", "-c", "submodule.recurse=false"),
    *("-c", "protocol.allow=never", "-c", "filter.lfs.smudge=", "-c", "filter.lfs.process="),
    *("-c", "filter.lfs.required=false", "-c", "advice.detachedHead=false"),
)
# What a hook of git's sets for its own repository would lead us to another one.
_LOCAL = frozenset(
    {
        *("GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_CONFIG", "GIT_CONFIG_PARAMETERS", "GIT_CONFIG_COUNT"),
        *("GIT_OBJECT_DIRECTORY", "GIT_DIR", "GIT_WORK_TREE", "GIT_IMPLICIT_WORK_TREE", "GIT_GRAFT_FILE"),
        *("GIT_INDEX_FILE", "GIT_NO_REPLACE_OBJECTS", "GIT_REPLACE_REF_BASE", "GIT_PREFIX"),
        *("GIT_INTERNAL_SUPER_PREFIX", "GIT_SHALLOW_FILE", "GIT_COMMON_DIR", "GIT_NAMESPACE"),
    }
)
_FORCED = {"LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0", "GIT_LFS_SKIP_SMUDGE": "1"}
_SECONDS = 300.0
_HASH_SHOWN = 7


@dataclass(frozen=True, slots=True)
class Repository:
    """Where the working directory lies in it."""

    root: Path  # of the working tree
    prefix: str  # of the working directory below it, "" for the root itself


@dataclass(frozen=True, slots=True)
class Revision:
    """A commit, and what the user called it."""

    name: str
    commit: str

    def __str__(self) -> str:
        short = self.commit[:_HASH_SHOWN]
        return self.name if self.commit.startswith(self.name) else f"{self.name} ({short})"


def repository_of(folder: Path) -> Repository:
    """The repository around a folder.

    Raises:
        UsageError: There is none, or it has no working tree.
    """
    hint = "Two saved scans need no repository: attnprobe diff base.json head.json."
    try:
        root = _asked(folder, "rev-parse", "--show-toplevel")
        prefix = _asked(folder, "rev-parse", "--show-prefix")
    except UsageError as error:
        raise UsageError(f"no version can be compared here: {error.message}", hint=hint) from None
    if not root:
        raise UsageError("no version can be compared here: the repository has no working tree", hint=hint)
    return Repository(Path(os.path.realpath(root)), prefix.rstrip("/"))


def revision_of(repository: Repository, name: str) -> Revision:
    """The commit that a name stands for.

    Raises:
        UsageError: It stands for none here.
    """
    if not name or name.startswith("-") or "\0" in name:
        raise UsageError(f"'{name}' is not a revision", hint="Name a branch, tag or commit: origin/main.")
    try:
        commit = _asked(repository.root, "rev-parse", "--verify", "--quiet", f"{name}^{{commit}}")
    except UsageError:
        raise UsageError(
            f"no revision is named '{name}' in this repository", hint=_how_to_fetch(repository)
        ) from None
    return Revision(name, commit)


def merge_base(repository: Repository, base: Revision, head: Revision) -> Revision:
    """The commit at which two revisions parted.

    Raises:
        UsageError: They have no history in common, as far as this clone goes.
    """
    try:
        commit = _asked(repository.root, "merge-base", base.commit, head.commit)
    except UsageError:
        raise UsageError(
            f"{base} and {head} have no commit in common", hint=_how_to_fetch(repository)
        ) from None
    return Revision(f"merge base of {base.name}", commit)


def working_tree_name(repository: Repository) -> str:
    """ "working tree (1a2b3c4, changed)"."""
    try:
        commit = _asked(repository.root, "rev-parse", "--verify", "--quiet", "HEAD")[:_HASH_SHOWN]
        changed = _asked(
            repository.root, "status", "--porcelain", "--untracked-files=no", "--ignore-submodules"
        )
    except UsageError:
        return "working tree (no commit)"
    return f"working tree ({commit}{', changed' if changed else ''})"


@contextmanager
def checked_out(repository: Repository, revision: Revision) -> Iterator[Path]:
    """A folder with the files of a revision; gone when the context is left, however it is left.

    Raises:
        UsageError: git cannot check it out.
    """
    outer = Path(os.path.realpath(tempfile.mkdtemp(prefix="attnprobe-")))
    tree = outer / "tree"
    try:
        _asked(repository.root, "worktree", "add", "--quiet", "--detach", str(tree), revision.commit)
        yield tree
    except _GitError as error:
        raise UsageError(
            f"{revision} cannot be checked out: {error.message}",
            hint="A partial clone lacks files of other revisions: fetch them first.",
        ) from None
    finally:
        with suppress(UsageError):
            _asked(repository.root, "worktree", "remove", "--force", "--force", str(tree))
        shutil.rmtree(outer, ignore_errors=True)


class _GitError(UsageError):
    """git said no."""


def _asked(folder: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(
            ["git", *_QUIET, *arguments],
            cwd=folder,
            env=_environment(os.environ),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_SECONDS,
        )
    except FileNotFoundError:
        raise _GitError("git is not installed") from None
    except (OSError, subprocess.TimeoutExpired, ValueError) as error:
        raise _GitError(f"git {arguments[0]} did not work: {error}") from None
    if done.returncode:
        raise _GitError(_why(done.stderr) or f"git {arguments[0]} ended with {done.returncode}")
    return os.fsdecode(done.stdout).rstrip("\n")


def _environment(environ: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environ.items() if name not in _LOCAL} | _FORCED


def _why(stderr: bytes) -> str:
    lines = [line for line in stderr.decode("utf-8", "backslashreplace").splitlines() if line.strip()]
    told = [line for line in lines if line.startswith(("fatal:", "error:"))] or lines
    return safe(told[0].partition(": ")[2] or told[0], 300) if told else ""


def _how_to_fetch(repository: Repository) -> str:
    with suppress(UsageError):
        if _asked(repository.root, "rev-parse", "--is-shallow-repository") == "true":
            return "This clone is shallow: git fetch --unshallow (actions/checkout: fetch-depth: 0)."
    return "Fetch it first: git fetch origin."
