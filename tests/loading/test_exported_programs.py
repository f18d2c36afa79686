"""Targets `program.pt2`."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensor

from attnprobe.errors import TargetError
from tests.loading.conftest import Load, Write


class Attention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.qkv = nn.Linear(16, 48)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        q, k, v = self.qkv(x).chunk(3, -1)
        return nn.functional.scaled_dot_product_attention(q, k, v)


@pytest.fixture
def program(write: Write) -> Path:
    folder = write("anchor.py").parent
    torch.export.save(torch.export.export(Attention(), (torch.randn(3, 5, 16),)), folder / "program.pt2")
    return folder / "program.pt2"


@pytest.mark.parametrize("fake", [True, False])
def test_a_program_is_called_as_it_was_exported(fake: bool, program: Path, load_target: Load) -> None:
    loaded = load_target("program.pt2", fake=fake)
    assert loaded.is_fake is fake
    assert [item.shape for item in loaded.inputs] == [(3, 5, 16)]
    assert isinstance(loaded.module.qkv.weight, FakeTensor) is fake
    assert loaded.rebuild is not None
    assert tuple(loaded.rebuild()(torch.zeros(3, 5, 16)).shape) == (3, 5, 16)


def test_a_program_without_its_examples_gets_inputs_of_the_exported_shapes(
    program: Path, load_target: Load
) -> None:
    bare = torch.export.load(program)
    bare._example_inputs = None
    torch.export.save(bare, program)
    loaded = load_target("program.pt2")
    assert [(item.shape, item.note) for item in loaded.inputs] == [
        ((3, 5, 16), "random, in the exported shape")
    ]


def test_sizes_that_a_program_cannot_take_are_said(program: Path, load_target: Load) -> None:
    assert any("exported with" in sentence for sentence in load_target("program.pt2", batch_size=9).guessed)


def test_what_is_no_program_is_refused(write: Write, load_target: Load) -> None:
    write("text.pt2", "hello")
    with zipfile.ZipFile("other.pt2", "w") as archive:
        archive.writestr("a.txt", "hello")
    with zipfile.ZipFile("bomb.pt2", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros", bytes(200 * 2**20))
    for name, message in {
        "text.pt2": "not a torch.export program",
        "other.pt2": "no program that torch",
        "bomb.pt2": "would unpack to 209,715,200 bytes",
        "absent.pt2": "not a file",
    }.items():
        with pytest.raises(TargetError) as caught:
            load_target(name)
        assert message in caught.value.message
