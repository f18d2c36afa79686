"""Models that would not fit in memory, and what happens where building without memory fails."""

from __future__ import annotations

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensor

from attnprobe.errors import ModelError
from tests.loading.conftest import NET, Load, Write


def test_a_model_of_160_gigabytes_builds_and_runs(write: Write, load_target: Load) -> None:
    write("model.py", NET.replace("nn.Linear(8, 8)", "nn.Linear(200_000, 200_000)"))
    loaded = load_target("model.py")
    assert loaded.is_fake
    assert isinstance(loaded.module.proj.weight, FakeTensor)
    with loaded.fake_world, torch.no_grad():
        output = loaded.module(*loaded.fake_world.inputs(loaded.args))
    assert tuple(output.shape) == (2, 128, 200_000)


def test_a_constructor_that_asks_for_values_of_small_tensors_works(write: Write, load_target: Load) -> None:
    text = NET.replace(
        "self.proj = ", "self.rates = [r.item() for r in torch.linspace(0, 1, 3)]; self.proj = "
    )
    write("model.py", text)
    assert load_target("model.py").module.rates == [0.0, 0.5, 1.0]


def test_the_dtype_is_set_before_construction(write: Write, load_target: Load) -> None:
    write("model.py")
    assert load_target("model.py", dtype="bfloat16").module.proj.weight.dtype is torch.bfloat16
    assert torch.get_default_dtype() is torch.float32


def test_a_constructor_that_reads_its_weights_is_built_for_real_first(
    write: Write, load_target: Load
) -> None:
    text = NET.replace(
        "self.proj = nn.Linear(8, 8)",
        "self.proj = nn.Linear(600, 600); self.largest = float(self.proj.weight.max())",
    )
    write("model.py", text)
    loaded = load_target("model.py")
    assert loaded.is_fake
    assert isinstance(loaded.module.proj.weight, FakeTensor)
    assert 0 < loaded.module.largest < 600**-0.5
    assert any("built for real, then its weights were dropped" in sentence for sentence in loaded.guessed)


def test_an_error_of_the_constructor_is_the_users_own(write: Write, load_target: Load) -> None:
    write("model.py", NET.replace("nn.Linear(8, 8)", "nn.Linear(8, -8)"))
    with pytest.raises(ModelError) as caught:
        load_target("model.py")
    assert caught.value.location == "model.py:8"


def test_torchscript_stays_real_and_says_so(write: Write, load_target: Load) -> None:
    text = NET + (
        "import warnings\n"
        "def build_model():\n"
        "    with warnings.catch_warnings():\n"
        "        warnings.simplefilter('ignore')\n"
        "        return nn.Sequential(torch.jit.script(Net()))\n"
    )
    write("model.py", text)
    loaded = load_target("model.py")
    assert not loaded.is_fake
    assert any("TorchScript" in sentence for sentence in loaded.guessed)


def test_rebuild_gives_a_real_model_with_the_same_names(write: Write, load_target: Load) -> None:
    write("model.py")
    loaded = load_target("model.py")
    assert loaded.rebuild is not None
    real = loaded.rebuild()
    assert type(real.proj.weight) is torch.nn.Parameter
    assert list(real.state_dict()) == list(loaded.module.state_dict())
