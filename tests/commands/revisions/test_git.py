from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from attnprobe.commands.revisions.git import (
    checked_out,
    merge_base,
    repository_of,
    revision_of,
    working_tree_name,
)
from attnprobe.errors import UsageError
from tests.commands.revisions.repositories import commit, git, repository, state, write


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where temporary folders are made; empty again after every test."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield folder
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("name", ["plain", "with space", "仓库", "quo'te", "--help", "a\nb"])
def test_a_revision_is_checked_out_from_a_folder_of_any_name(
    tmp_path: Path, scratch: Path, name: str
) -> None:
    folder = repository(tmp_path / name, {"sub/model.py": "old"})
    commit(folder, {"sub/model.py": "new"})
    found = repository_of(folder / "sub")
    assert (found.root, found.prefix) == (folder, "sub")
    before = state(folder)
    with checked_out(found, revision_of(found, "HEAD~1")) as tree:
        assert (tree / "sub" / "model.py").read_text() == "old"
    assert state(folder) == before


def test_a_changed_and_staged_tree_is_left_alone(tmp_path: Path, scratch: Path) -> None:
    folder = repository(tmp_path / "r", {"a.py": "1", "b.py": "1", ".gitignore": "build/\n"})
    write(folder, {"a.py": "2", "new.py": "3", "build/x": "4"})
    git(folder, "add", "a.py")
    write(folder, {"a.py": "5"})
    before = state(folder)
    index = (folder / ".git" / "index").read_bytes()
    found = repository_of(folder)
    with checked_out(found, revision_of(found, "main")) as tree:
        assert (tree / "a.py").read_text() == "1"
        assert not (tree / "new.py").exists()
    assert working_tree_name(found).endswith(", changed)")
    assert state(folder) == before
    assert (folder / ".git" / "index").read_bytes() == index


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, UsageError("no"), RuntimeError("no")])
def test_the_folder_is_gone_however_its_use_ends(
    tmp_path: Path, scratch: Path, error: type[BaseException] | BaseException
) -> None:
    folder = repository(tmp_path / "r", {"a.py": "1"})
    found, before = repository_of(folder), state(folder)
    kind = error if isinstance(error, type) else type(error)
    with pytest.raises(kind), checked_out(found, revision_of(found, "main")):
        raise error
    assert state(folder) == before


def test_somebody_who_prunes_worktrees_meanwhile_does_no_harm(tmp_path: Path, scratch: Path) -> None:
    folder = repository(tmp_path / "r", {"a.py": "1"})
    found, before = repository_of(folder), state(folder)
    with checked_out(found, revision_of(found, "main")) as tree:
        (tree / ".git").unlink()
        git(folder, "worktree", "prune", "--expire=now")
        assert (tree / "a.py").read_text() == "1"
    assert state(folder) == before


@pytest.mark.parametrize(
    "name", ["", "-x", "--upload-pack=touch pwned", "--help", "nowhere", "main..main", "a\0b"]
)
def test_what_is_no_revision_is_a_usage_error(tmp_path: Path, name: str) -> None:
    found = repository_of(repository(tmp_path / "r", {"a.py": "1"}))
    with pytest.raises(UsageError):
        revision_of(found, name)
    assert not (tmp_path / "r" / "pwned").exists()


def test_a_tag_a_branch_and_a_short_hash_are_revisions(tmp_path: Path) -> None:
    folder = repository(tmp_path / "r", {"a.py": "1"})
    git(folder, "tag", "-a", "v1", "-m", "one")
    found, full = repository_of(folder), git(folder, "rev-parse", "HEAD")
    for name in ("v1", "main", "HEAD", full[:8], "v1^{}"):
        assert revision_of(found, name).commit == full
    assert str(revision_of(found, "main")) == f"main ({full[:7]})"
    assert str(revision_of(found, full[:8])) == full[:8]


def test_without_a_repository_the_hint_names_saved_scans(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    (tmp_path / "plain").mkdir()
    with pytest.raises(UsageError, match="not a git repository") as caught:
        repository_of(tmp_path / "plain")
    assert "base.json head.json" in caught.value.hint


def test_a_bare_repository_has_nothing_to_scan(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", "--bare", "bare.git")
    with pytest.raises(UsageError, match="work tree"):
        repository_of(tmp_path / "bare.git")


def test_a_shallow_clone_says_how_to_get_the_rest(tmp_path: Path) -> None:
    folder = repository(tmp_path / "r", {"a.py": "1"})
    first = git(folder, "rev-parse", "HEAD")
    commit(folder, {"a.py": "2"})
    git(tmp_path, "clone", "-q", "--depth=1", folder.as_uri(), "clone")
    found = repository_of(tmp_path / "clone")
    with pytest.raises(UsageError, match="no revision is named") as caught:
        revision_of(found, first)
    assert "shallow" in caught.value.hint
    with pytest.raises(UsageError):
        revision_of(found, "HEAD~1")


def test_a_partial_clone_is_not_completed_over_the_network(tmp_path: Path, scratch: Path) -> None:
    folder = repository(tmp_path / "r", {"a.py": "1"})
    commit(folder, {"a.py": "2"})
    git(folder, "config", "uploadpack.allowFilter", "true")
    git(tmp_path, "clone", "-q", "--filter=blob:none", folder.as_uri(), "clone")
    found = repository_of(tmp_path / "clone")
    first = revision_of(found, "HEAD~1")
    with pytest.raises(UsageError, match="cannot be checked out") as caught, checked_out(found, first):
        pass
    assert "partial clone" in caught.value.hint
    assert git(tmp_path / "clone", "worktree", "list").count("\n") == 0


def test_the_merge_base_is_where_the_branches_parted(tmp_path: Path) -> None:
    folder = repository(tmp_path / "r", {"a.py": "1"})
    parted = git(folder, "rev-parse", "HEAD")
    git(folder, "checkout", "-q", "-b", "topic")
    commit(folder, {"b.py": "1"})
    git(folder, "checkout", "-q", "main")
    commit(folder, {"c.py": "1"})
    found = repository_of(folder)
    common = merge_base(found, revision_of(found, "main"), revision_of(found, "topic"))
    assert (common.commit, str(common)) == (parted, f"merge base of main ({parted[:7]})")


def test_histories_that_never_met_have_no_merge_base(tmp_path: Path) -> None:
    folder = repository(tmp_path / "r", {"a.py": "1"})
    git(folder, "checkout", "-q", "--orphan", "other")
    commit(folder, {"b.py": "1"})
    found = repository_of(folder)
    with pytest.raises(UsageError, match="no commit in common"):
        merge_base(found, revision_of(found, "main"), revision_of(found, "other"))


def test_neither_hooks_nor_filters_of_the_repository_run(tmp_path: Path, scratch: Path) -> None:
    folder = repository(tmp_path / "r", {"w.bin": "pointer", ".gitattributes": "*.bin filter=lfs\n"})
    mark = tmp_path / "ran"
    hook = folder / ".git" / "hooks" / "post-checkout"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\ntouch '{mark}'\n")
    hook.chmod(0o755)
    git(folder, "config", "filter.lfs.smudge", f"touch '{mark}'; cat")
    git(folder, "config", "filter.lfs.required", "true")
    git(folder, "config", "core.fsmonitor", f"touch '{mark}'; false")
    found = repository_of(folder)
    with checked_out(found, revision_of(found, "main")) as tree:
        assert (tree / "w.bin").read_text() == "pointer"
    assert working_tree_name(found).startswith("working tree (")
    assert not mark.exists()


def test_a_submodule_stays_as_it_is(tmp_path: Path, scratch: Path) -> None:
    inner = repository(tmp_path / "inner", {"x.py": "1"})
    folder = repository(tmp_path / "outer", {"a.py": "1"})
    git(folder, "-c", "protocol.file.allow=always", "submodule", "add", "-q", str(inner), "lib")
    commit(folder, {})
    git(folder, "config", "submodule.recurse", "true")
    found, before = repository_of(folder), state(folder)
    with checked_out(found, revision_of(found, "main")) as tree:
        assert list((tree / "lib").iterdir()) == []
    assert state(folder) == before


def test_inside_a_hook_of_another_repository_ours_is_asked(
    tmp_path: Path, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = repository(tmp_path / "other", {"a.py": "other"})
    folder = repository(tmp_path / "r", {"a.py": "ours"})
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(other))
    monkeypatch.setenv("GIT_INDEX_FILE", str(other / ".git" / "index"))
    found = repository_of(folder)
    assert found.root == folder
    with checked_out(found, revision_of(found, "main")) as tree:
        assert (tree / "a.py").read_text() == "ours"


def test_git_that_is_not_installed_is_a_usage_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UsageError, match="git is not installed"):
        repository_of(tmp_path)


def test_a_repository_that_cannot_be_written_is_a_usage_error(tmp_path: Path, scratch: Path) -> None:
    folder = repository(tmp_path / "r", {"a.py": "1"})
    found = repository_of(folder)
    (folder / ".git" / "worktrees").write_text("in the way")
    with (
        pytest.raises(UsageError, match="cannot be checked out"),
        checked_out(found, revision_of(found, "main")),
    ):
        pass
    os.unlink(folder / ".git" / "worktrees")
