"""Targets `timm:NAME`, and torchvision beside a torch that its compiled library does not fit."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from attnprobe.errors import TargetError
from tests.loading.conftest import Load

MISSING = any(importlib.util.find_spec(name) is None for name in ("timm", "torchvision"))

BROKEN = """
import torch
def needs_operator(fn): return fn
@torch.library.register_fake("torchvision::nms")
def nms(dets, scores, iou_threshold): return dets
"""

PROGRAM = """
from attnprobe.loading.building.torchvision_schemas import torchvision_importable
print(torchvision_importable())
import torchvision, torch
try:
    torch.ops.torchvision.nms(torch.zeros(1, 4), torch.zeros(1), 0.5)
except NotImplementedError:
    print("no kernel")
"""


@pytest.mark.skipif(not MISSING, reason="timm and torchvision are both installed")
def test_a_missing_package_is_named(load_target: Load) -> None:
    with pytest.raises(TargetError) as caught:
        load_target("timm:vit_tiny_patch16_224")
    assert "not installed" in caught.value.message
    assert "pip install" in caught.value.hint


@pytest.mark.skipif(MISSING, reason="needs timm and torchvision")
def test_a_vision_transformer_takes_images_of_its_own_size(load_target: Load) -> None:
    loaded = load_target("timm:vit_tiny_patch16_224")
    assert loaded.is_fake
    assert loaded.inputs[0].shape == (2, 3, 224, 224)


@pytest.mark.skipif(MISSING, reason="needs timm and torchvision")
def test_a_misspelt_architecture_offers_the_nearest(load_target: Load) -> None:
    with pytest.raises(TargetError, match="did you mean 'vit_tiny_patch16_224'"):
        load_target("timm:vit_tiny_patch16_223")


def test_torchvision_without_its_compiled_library_imports_but_does_not_pretend(tmp_path: Path) -> None:
    (tmp_path / "torchvision").mkdir()
    (tmp_path / "torchvision" / "__init__.py").write_text(BROKEN, encoding="utf-8")
    (tmp_path / "torchvision" / "_C.so").write_bytes(b"not a library")
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n{PROGRAM}"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert run.stdout.split("\n")[:2] == ["True", "no kernel"], run.stderr
