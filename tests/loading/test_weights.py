"""--weights FILE.safetensors: strict, and readable when it does not fit."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from attnprobe.errors import TargetError
from tests.loading.conftest import NET, Load, Write

TIED = NET.replace("self.proj = nn.Linear(8, 8)", "self.proj = nn.Linear(8, 8); self.out = self.proj")


@pytest.mark.parametrize("fake", [True, False])
def test_missing_and_unexpected_names_are_listed(fake: bool, write: Write, load_target: Load) -> None:
    write("model.py")
    save_file({"proj.weight": torch.zeros(8, 8), "head.weight": torch.zeros(2)}, "w.safetensors")
    with pytest.raises(TargetError) as caught:
        load_target("model.py", weights="w.safetensors", fake=fake)
    assert caught.value.message == (
        "w.safetensors does not fit the model: 1 missing from the file (proj.bias); "
        "1 unknown to the model (head.weight)"
    )


def test_a_shape_that_differs_is_shown(write: Write, load_target: Load) -> None:
    write("model.py")
    save_file({"proj.weight": torch.zeros(8, 4), "proj.bias": torch.zeros(8)}, "w.safetensors")
    with pytest.raises(TargetError, match=r"proj.weight is \[8, 4\] in the file and \[8, 8\] in the model"):
        load_target("model.py", weights="w.safetensors")


@pytest.mark.parametrize("fake", [True, False])
def test_a_tied_weight_may_be_stored_once(fake: bool, write: Write, load_target: Load) -> None:
    write("model.py", TIED)
    save_file({"proj.weight": torch.ones(8, 8), "proj.bias": torch.zeros(8)}, "w.safetensors")
    loaded = load_target("model.py", weights="w.safetensors", fake=fake)
    assert loaded.rebuild is not None
    assert torch.equal(loaded.rebuild().out.weight, torch.ones(8, 8))


def test_values_are_cast_to_the_dtype_of_the_model(write: Write, load_target: Load) -> None:
    write("model.py")
    save_file({"proj.weight": torch.full((8, 8), 0.5), "proj.bias": torch.zeros(8)}, "w.safetensors")
    module = load_target("model.py", weights="w.safetensors", dtype="bfloat16", fake=False).module
    assert module.proj.weight.dtype is torch.bfloat16
    assert bool((module.proj.weight == 0.5).all())


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (struct.pack("<Q", 2**63) + b"{}", "huge_header.safetensors"),
        (b"", "empty.safetensors"),
        (b"PK\x03\x04", "pickle.bin"),
    ],
)
def test_a_file_that_holds_no_weights_is_refused(
    content: bytes, name: str, write: Write, load_target: Load
) -> None:
    write("model.py")
    Path(name).write_bytes(content)
    with pytest.raises(TargetError) as caught:
        load_target("model.py", weights=name)
    assert name in caught.value.message
    assert "\n" not in caught.value.message
