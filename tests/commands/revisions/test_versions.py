from __future__ import annotations

from pathlib import Path

import pytest

from attnprobe.commands.revisions.versions import Version, has_target, options_for
from attnprobe.errors import UsageError
from attnprobe.records import ScanOptions
from tests.commands.revisions.repositories import write


@pytest.fixture
def version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Version:
    """Another version of the files of the working directory, which lies below its repository's root."""
    here, there = tmp_path / "here", tmp_path / "there"
    for root in (here, there):
        (root / "sub").mkdir(parents=True)
    monkeypatch.chdir(here / "sub")
    return Version("main (1a2b3c4)", there / "sub", (str(here), str(there)))


def test_files_that_the_version_has_are_its_own(version: Version, tmp_path: Path) -> None:
    for root in ("here", "there"):
        write(tmp_path / root / "sub", {"w.safetensors": "weights", "texts.py": "batches = []"})
    options = ScanOptions(target="model.py:GPT", weights="w.safetensors", data="texts.py:batches")
    assert options_for(options, version) == options


def test_files_that_it_lacks_are_those_of_the_working_directory(version: Version, tmp_path: Path) -> None:
    here = tmp_path / "here" / "sub"
    write(here, {"w.safetensors": "weights", "texts.py": "batches = []"})
    write(version.place, {"w.safetensors": "version https://git-lfs.github.com/spec/v1\noid sha256:0"})
    options = ScanOptions(target="model.py", weights="w.safetensors", data="texts.py:batches")
    found = options_for(options, version)
    assert found.weights == str(here / "w.safetensors")  # the other is a pointer of LFS
    assert found.data == f"{here / 'texts.py'}:batches"
    named = options_for(ScanOptions(target="model.py", data="package.texts:batches"), version)
    assert named.data == "package.texts:batches"


def test_an_absolute_target_is_turned_to_the_version(version: Version, tmp_path: Path) -> None:
    write(tmp_path / "here", {"sub/model.py": "", "top.py": ""})
    for name, expected in (("sub/model.py", "model.py"), ("top.py", "../top.py")):
        target = f"{tmp_path / 'here' / name}:GPT"
        assert options_for(ScanOptions(target=target), version).target == f"{expected}:GPT"


def test_a_target_outside_of_the_repository_is_refused(version: Version, tmp_path: Path) -> None:
    write(tmp_path, {"other.py": ""})
    with pytest.raises(UsageError, match="outside of the repository"):
        options_for(ScanOptions(target="../../other.py"), version)
    (tmp_path / "here" / "sub" / "link.py").symlink_to(tmp_path / "other.py")
    with pytest.raises(UsageError, match="outside of the repository"):
        options_for(ScanOptions(target="link.py"), version)


@pytest.mark.parametrize(
    ("target", "is_there"),
    [
        ("model.py", True),
        ("new.py", False),  # only in the working directory
        ("nowhere.py", True),  # in neither: the scan of the head says so
        ("package.module:GPT", True),  # only an import can tell
        ("timm:vit_tiny", True),
        ("hf:llama", True),
        ("hf:old_folder", False),
    ],
)
def test_whether_the_version_has_the_target(
    version: Version, tmp_path: Path, target: str, is_there: bool
) -> None:
    write(tmp_path / "here" / "sub", {"model.py": "", "new.py": "", "old_folder/config.json": "{}"})
    write(version.place, {"model.py": ""})
    assert has_target(ScanOptions(target=target), version) is is_there


def test_a_folder_that_the_version_lacks_has_no_target(version: Version) -> None:
    version.place.rmdir()
    assert not has_target(ScanOptions(target="package.module:GPT"), version)
