from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from attnprobe import scan_file
from tests.commands.running import Ran, runner
from tests.report.sample_scans import gpt_scan


@pytest.fixture
def attnprobe(
    capfd: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Ran]:
    """Run a command in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return runner(capfd)


@pytest.fixture
def saved_scan(tmp_path: Path) -> Path:
    path = tmp_path / "scan.json"
    path.write_text(scan_file.dump(gpt_scan()))
    return path
