"""A folder of one's own to put model files in."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from attnprobe.loading import load
from attnprobe.records import LoadedModel, ScanOptions

NET = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.proj = nn.Linear(8, 8)

    def forward(self, x):
        return self.proj(x)
"""

Write = Callable[..., Path]
Load = Callable[..., LoadedModel]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Write a file into the working directory; its text is `NET` unless given."""
    monkeypatch.chdir(tmp_path)

    def write_file(name: str, text: str = NET) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    return write_file


@pytest.fixture
def load_target() -> Load:
    """`load` with options as keywords; fake unless said otherwise."""

    def load_it(target: str, *, fake: bool = True, **options: object) -> LoadedModel:
        return load(ScanOptions(target=target, **options), fake=fake)  # type: ignore[arg-type]

    return load_it
