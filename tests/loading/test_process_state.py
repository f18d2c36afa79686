"""What a model's file changes in the process is put back."""

from __future__ import annotations

import locale
import os
import random
import sys
import warnings

import pytest
import torch

from attnprobe.errors import ModelError
from tests.loading.conftest import NET, Load, Write

VANDAL = """
import locale, os, random, sys, torch, warnings
os.chdir("/")
os.umask(0o777)
sys.path.insert(0, "/nowhere")
sys.argv.append("x")
locale.setlocale(locale.LC_ALL, "C.UTF-8")
random.seed(99)
torch.manual_seed(99)
torch.set_default_dtype(torch.float64)
torch.set_default_device("meta")
torch.set_grad_enabled(False)
warnings.simplefilter("ignore")
"""


def state() -> tuple[object, ...]:
    umask = os.umask(0)
    os.umask(umask)
    return (
        os.getcwd(),
        umask,
        list(sys.path),
        list(sys.argv),
        locale.setlocale(locale.LC_ALL),
        random.getstate(),
        torch.get_rng_state().tolist(),
        torch.get_default_dtype(),
        torch.get_default_device(),
        torch.is_grad_enabled(),
        sys.dont_write_bytecode,
        list(warnings.filters),
    )


def test_a_file_that_changes_everything_changes_nothing(write: Write, load_target: Load) -> None:
    reset = 'torch.set_default_device("cpu")\n'
    write("model.py", VANDAL + reset + NET)
    before = state()
    load_target("model.py")
    assert state() == before


def test_it_is_put_back_when_the_file_raises(write: Write, load_target: Load) -> None:
    write("model.py", VANDAL + "raise ValueError\n")
    before = state()
    with pytest.raises(ModelError):
        load_target("model.py")
    assert state() == before


def test_rebuilding_is_seeded_and_leaves_the_random_state(write: Write, load_target: Load) -> None:
    write("model.py")
    loaded = load_target("model.py")
    before = state()
    assert loaded.rebuild is not None
    first, second = loaded.rebuild(), loaded.rebuild()
    assert torch.equal(first.proj.weight, second.proj.weight)
    assert state() == before


def test_guessed_inputs_repeat_with_the_seed(write: Write, load_target: Load) -> None:
    write("model.py")
    inputs = [load_target("model.py", fake=False, seed=seed).args[0] for seed in (1, 1, 2)]
    assert torch.equal(inputs[0], inputs[1])
    assert not torch.equal(inputs[0], inputs[2])


def test_a_trial_leaves_no_trace_in_the_model(write: Write, load_target: Load) -> None:
    counting = NET.replace(
        "return self.proj(x)",
        "self.calls = getattr(self, 'calls', 0) + 1; return self.norm(self.proj(x).mT).mT",
    ).replace("self.proj = ", "self.norm = nn.BatchNorm1d(8); self.proj = ")
    write("model.py", counting)
    module = load_target("model.py", fake=False).module
    assert not hasattr(module, "calls")
    assert module.training
    assert int(module.norm.num_batches_tracked) == 0
    assert type(module.proj.weight) is torch.nn.Parameter
