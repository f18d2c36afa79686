"""Python files and modules as targets: which entry is found, under which name, with which hooks."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

from tests.loading.conftest import NET, Load, Write


def test_the_only_class_without_arguments_is_the_entry(write: Write, load_target: Load) -> None:
    write("model.py")
    assert load_target("model.py").entry == "model.py:Net()"


def test_build_model_comes_before_classes(write: Write, load_target: Load) -> None:
    write("model.py", NET + "def build_model(): return nn.Sequential(Net(), Net())\n")
    loaded = load_target("model.py")
    assert loaded.entry == "model.py:build_model()"
    assert type(loaded.module).__name__ == "Sequential"


def test_an_object_at_module_level_comes_before_classes(write: Write, load_target: Load) -> None:
    write("model.py", NET + "model = Net()\nloss_fn = nn.CrossEntropyLoss()\n")
    assert load_target("model.py").entry == "model.py:model"


def test_an_object_that_is_part_of_another_is_no_candidate(write: Write, load_target: Load) -> None:
    write("model.py", NET + "inner = Net()\nouter = nn.Sequential(inner, nn.Linear(8, 2))\n")
    assert load_target("model.py").entry == "model.py:outer"


def test_a_class_that_another_class_uses_is_a_part(write: Write, load_target: Load) -> None:
    init = "    def __init__(self):\n        super().__init__()\n        self.net = Net()\n"
    whole = f"class Model(nn.Module):\n{init}"
    write("model.py", NET + whole + "    def forward(self, x): return self.net(x)\n")
    loaded = load_target("model.py")
    assert loaded.entry == "model.py:Model()"
    assert "The entry is Model(): the class that is no part of another." in loaded.guessed


@pytest.mark.parametrize("entry", ["Net", "make", "ready"])
def test_an_entry_may_be_a_class_a_function_or_an_object(entry: str, write: Write, load_target: Load) -> None:
    write("model.py", NET + "def make(depth=1): return Net()\nready = Net()\n")
    assert type(load_target(f"model.py:{entry}").module).__name__ == "Net"


def test_a_module_level_object_stays_real_in_a_static_scan(write: Write, load_target: Load) -> None:
    write("model.py", NET + "model = Net()\n")
    loaded = load_target("model.py", fake=True)
    assert not loaded.is_fake
    assert type(loaded.module.proj.weight) is torch.nn.Parameter
    assert loaded.rebuild is not None
    assert loaded.rebuild() is loaded.module


def test_a_dotted_module_is_imported_from_the_working_directory(write: Write, load_target: Load) -> None:
    write("zoo_of_nets/__init__.py", "")
    write("zoo_of_nets/small.py")
    assert load_target("zoo_of_nets.small:Net").entry == "zoo_of_nets.small:Net()"


def test_a_file_imports_its_neighbours_and_relative_modules(write: Write, load_target: Load) -> None:
    write("widths_of_nets.py", "WIDTH = 6\n")
    write("model.py", "import widths_of_nets\n" + NET.replace("Linear(8", "Linear(widths_of_nets.WIDTH"))
    assert load_target("model.py").module.proj.in_features == 6

    write("nets_in_package/__init__.py", "")
    write("nets_in_package/layers.py")
    write("nets_in_package/model.py", "from .layers import Net\ndef build_model(): return Net()\n")
    assert type(load_target("nets_in_package/model.py").module).__name__ == "Net"


def test_a_file_in_a_folder_imports_from_the_working_directory(write: Write, load_target: Load) -> None:
    write("widths_at_the_root.py", "WIDTH = 5\n")
    write("models/net.py", "from widths_at_the_root import WIDTH\n" + NET.replace("Linear(8", "Linear(WIDTH"))
    assert load_target("models/net.py").module.proj.in_features == 5


@pytest.mark.parametrize("name", ["json.py", "string.py", "a b.py", "模型.py", "-x.py", "a:b.py", "$(x).py"])
def test_a_file_may_have_any_name(name: str, write: Write, load_target: Load) -> None:
    write(name)
    assert load_target(name).entry == f"{name}:Net()"


def test_a_neighbour_named_like_the_standard_library_hides_nothing(write: Write, load_target: Load) -> None:
    write("colorsys.py", "raise RuntimeError('not me')\n")
    write("model.py", "import colorsys\n" + NET)
    sys.modules.pop("colorsys", None)
    load_target("model.py")
    assert sys.modules["colorsys"].__file__ != str(Path("colorsys.py").resolve())


@pytest.mark.parametrize("encoding", ["utf-8-sig", "latin-1"])
def test_a_byte_order_mark_and_a_declared_encoding_are_read(
    encoding: str, write: Write, load_target: Load
) -> None:
    cookie = "# coding: latin-1\n# é\n" if encoding == "latin-1" else "# é\n"
    write("model.py").write_bytes((cookie + NET.replace("\n", "\r\n")).encode(encoding))
    assert load_target("model.py").entry == "model.py:Net()"


def test_hooks_beside_the_model_are_taken(write: Write, load_target: Load) -> None:
    hooks = (
        "causal = True\n"
        "def loss(outputs, inputs): return outputs.sum() + inputs.sum()\n"
        "def example_inputs(): return [torch.zeros(3, 8), (torch.ones(4, 8),), {'x': torch.ones(5, 8)}]\n"
    )
    write("model.py", NET + hooks)
    loaded = load_target("model.py")
    assert loaded.causal is True
    assert [tuple(a.shape) for a in loaded.args] == [(3, 8)]
    assert [i.origin for i in loaded.inputs] == ["given"]
    (second_args, second_kwargs), (third_args, third_kwargs) = loaded.batches
    assert (len(second_args), second_kwargs, third_args) == (1, {}, ())
    assert tuple(third_kwargs["x"].shape) == (5, 8)
    assert loaded.loss is not None
    assert float(loaded.loss(torch.ones(2), torch.ones(3))) == 5.0


def test_no_bytecode_is_written_beside_the_file(write: Write, load_target: Load) -> None:
    write("neighbour_without_cache.py", "X = 1\n")
    folder = write("model.py", "import neighbour_without_cache\n" + NET).parent
    load_target("model.py")
    assert sorted(path.name for path in folder.iterdir()) == ["model.py", "neighbour_without_cache.py"]
