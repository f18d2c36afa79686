"""--data MODULE:ITERABLE and --batches N."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

from attnprobe.errors import ModelError, TargetError, UsageError
from attnprobe.loading.building.recipe import Data
from attnprobe.loading.inputs.batches import caster, read
from attnprobe.records import ScanOptions
from tests.loading.conftest import NET, Load, Write

DATA = """
import torch
from torch.utils.data import DataLoader, TensorDataset

rows = torch.arange(80.0).reshape(10, 8)
loader = DataLoader(TensorDataset(rows, torch.arange(10)), batch_size=2)
dataset = TensorDataset(rows, torch.arange(10))
one = rows[:3]
words = [["a", "b"]]
nothing = []
number = 3

def endless():
    while True:
        yield {"x": rows[:2], "label": torch.tensor([0, 1]), "text": ["a", "b"]}

def late():
    yield rows[:2]
    raise ValueError("the file is gone")

def of(size):
    return [rows[:size]]
"""


@pytest.fixture(autouse=True)
def _imported_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("batching", "package", "package.batching"):
        monkeypatch.delitem(sys.modules, name, raising=False)


def test_batches_of_a_file_are_the_inputs(write: Write, load_target: Load) -> None:
    write("model.py")
    write("batching.py", DATA)
    loaded = load_target("model.py", data="batching.py:loader", batches=3)
    assert loaded.data == "given"
    assert loaded.inputs[0].origin == "given"
    values = [args[0][:, 0].tolist() for args, _ in ((loaded.args, loaded.kwargs), *loaded.batches)]
    assert values == [[0, 8], [16, 24], [32, 40]]  # two rows of eight each


def test_four_batches_are_taken_unless_asked_otherwise(write: Write, load_target: Load) -> None:
    write("model.py")
    write("batching.py", DATA)
    assert len(load_target("model.py", data="batching:endless").batches) == 3


@pytest.mark.parametrize("data", ["batching:one", "batching.py:one", "package.batching:one"])
def test_a_module_is_found_beside_the_models_file(data: str, write: Write, load_target: Load) -> None:
    write("models/model.py")
    write("models/batching.py", DATA)
    write("package/batching.py", DATA)
    loaded = load_target("models/model.py", data=data)
    assert (tuple(loaded.args[0].shape), loaded.batches) == ((3, 8), ())


def test_a_file_beside_the_working_directory_goes_first(write: Write, load_target: Load) -> None:
    write("models/model.py")
    write("models/batching.py", DATA)
    write("batching.py", DATA.replace("rows[:3]", "rows[:5]"))
    assert load_target("models/model.py", data="batching.py:one").inputs[0].shape == (5, 8)


def test_the_models_own_file_is_run_once(write: Write, load_target: Load) -> None:
    write("model.py", NET + DATA + "with open('runs', 'a') as runs: runs.write('1')\n")
    loaded = load_target("model.py:Net", data="model.py:one")
    assert loaded.inputs[0].shape == (3, 8)
    assert Path("runs").read_text() == "1"


def test_a_map_style_dataset_is_put_into_batches(write: Write, load_target: Load) -> None:
    write("model.py")
    write("batching.py", DATA)
    assert load_target("model.py", data="batching:dataset").inputs[0].shape == (2, 8)
    assert load_target("model.py", data="batching:dataset", batch_size=5).inputs[0].shape == (5, 8)


def test_what_the_forward_does_not_take_is_left_out_and_said(write: Write, load_target: Load) -> None:
    write("model.py")
    write("batching.py", DATA)
    loaded = load_target("model.py", data="batching:endless", batches=1)
    assert set(loaded.kwargs) == {"x"}
    assert loaded.loss_inputs == ()
    said = "The forward does not take 'label', 'text' of --data batching:endless: it is left out."
    assert said in loaded.guessed


def test_the_loss_gets_the_whole_batch(write: Write, load_target: Load) -> None:
    write("model.py", NET + "def loss(outputs, inputs): return outputs.sum()\n")
    write("batching.py", DATA)
    loaded = load_target("model.py", data="batching:loader", batches=2)
    assert len(loaded.args) == 1
    assert [[part.shape[0] for part in batch] for batch in loaded.loss_inputs] == [[2, 2], [2, 2]]
    assert [batch[1].tolist() for batch in loaded.loss_inputs] == [[0, 1], [2, 3]]


def test_labels_that_the_forward_takes_go_to_it(write: Write, load_target: Load) -> None:
    write("model.py", NET.replace("self, x", "self, x, label=None"))
    write("batching.py", DATA)
    assert set(load_target("model.py", data="batching:endless").kwargs) == {"x", "label"}


@pytest.mark.parametrize(
    ("signature", "positions", "has_loss", "taken"),
    [
        ("self, ids, targets=None", [(2, 5), (2, 5)], False, 2),
        ("self, ids, targets=None", [(2, 5), (2, 5)], True, 2),
        ("self, x, memory", [(2, 5), (2, 5)], True, 2),
        ("self, x, mask=None", [(2, 5), (2, 5)], False, 2),
        ("self, x, mask=None", [(2, 5), (2, 5)], True, 1),  # the loss wants its targets
        ("self, x, mask=None", [(2, 5), (2,)], False, 1),  # class labels are no mask
        ("self, x", [(2, 5), (2,), (2,)], False, 1),
        ("self, *parts", [(2, 5), (2,), (2,)], False, 3),
    ],
)
def test_how_many_parts_of_a_tuple_the_forward_gets(
    signature: str, positions: list[tuple[int, ...]], has_loss: bool, taken: int
) -> None:
    namespace: dict[str, object] = {}
    exec(f"def forward({signature}): ...", namespace)
    module = type("Net", (torch.nn.Module,), {"forward": namespace["forward"]})()
    batch = tuple(torch.full(shape, 7) for shape in positions)
    options = ScanOptions(target="")
    found = read(Data([batch], "data"), module, options, lambda value: value, has_loss=has_loss)
    assert len(found.calls[0][0]) == taken


def test_a_mask_among_the_parts_stays_although_there_is_a_loss() -> None:
    class Net(torch.nn.Module):
        def forward(self, ids: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
            return ids

    batch = (torch.full((2, 3), 7), torch.tensor([[1, 1, 0], [1, 1, 1]]))
    found = read(Data([batch], "data"), Net(), ScanOptions(target=""), lambda value: value, has_loss=True)
    assert len(found.calls[0][0]) == 2


def test_a_forward_that_takes_the_batch_itself_gets_it() -> None:
    class Net(torch.nn.Module):
        def forward(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
            return batch["ids"]

    batch = {"ids": torch.zeros(2, 3)}
    found = read(Data([batch], "data"), Net(), ScanOptions(target=""), lambda value: value, has_loss=False)
    assert found.calls[0][0][0].keys() == {"ids"}


def test_an_encoding_of_transformers_is_a_dict() -> None:
    encodings = pytest.importorskip("transformers.tokenization_utils_base")
    batch = encodings.BatchEncoding({"ids": torch.zeros(2, 3)})

    class Net(torch.nn.Module):
        def forward(self, ids: torch.Tensor) -> torch.Tensor:
            return ids

    found = read(Data([batch], "d"), Net(), ScanOptions(target=""), caster("bfloat16", None), has_loss=False)
    assert found.calls[0][1]["ids"].dtype is torch.bfloat16


def test_a_loader_that_is_given_ready_made_is_read_once() -> None:
    loader = DataLoader(TensorDataset(torch.zeros(6, 3)), batch_size=2)
    found = read(
        Data(iter(loader), "d"), torch.nn.Linear(3, 3), ScanOptions(target=""), lambda b: b, has_loss=False
    )
    assert len(found.calls) == 3


@pytest.mark.parametrize(
    ("data", "kind", "message"),
    [
        ("batching", UsageError, "expected MODULE:NAME or FILE.py:NAME"),
        ("batching.py", UsageError, "expected MODULE:NAME or FILE.py:NAME"),
        ("batching:", UsageError, "expected MODULE:NAME or FILE.py:NAME"),
        ("batchin:one", TargetError, "no module is named 'batchin'; did you mean 'batching'?"),
        ("batchin.py:one", TargetError, "batchin.py does not exist"),
        ("batching:lodaer", TargetError, "batching has no 'lodaer'; did you mean 'loader'?"),
        ("batching:loader.nonsense", TargetError, "has no 'loader.nonsense'"),
        ("batching:number", TargetError, "is of type int; expected an iterable of batches"),
        ("batching:nothing", TargetError, "holds no batch"),
        ("batching:of", TargetError, "needs arguments: size"),
        ("batching:words", TargetError, "batch 0 is a list of str; expected a tensor"),
        ("batching:late", ModelError, "raised ValueError: the file is gone"),
    ],
)
def test_what_is_wrong_is_one_line_with_a_name(
    data: str, kind: type[Exception], message: str, write: Write, load_target: Load
) -> None:
    write("model.py")
    write("batching.py", DATA)
    with pytest.raises(kind) as caught:
        load_target("model.py", data=data)
    assert message in caught.value.message  # type: ignore[attr-defined]
    assert "\n" not in caught.value.message  # type: ignore[attr-defined]


def test_a_name_that_is_nearly_one_of_the_forwards_is_an_error(write: Write, load_target: Load) -> None:
    write("model.py", NET.replace("self, x", "self, x, labels=None"))
    write("batching.py", DATA)
    with pytest.raises(TargetError, match=r"batch 0 has 'label', which .* did you mean 'labels'\?"):
        load_target("model.py", data="batching:endless")


def test_a_missing_argument_is_named(write: Write, load_target: Load) -> None:
    write("model.py", NET.replace("self, x", "self, rows"))
    write("batching.py", DATA)
    with pytest.raises(TargetError, match="batch 0 has no 'rows', which the forward needs"):
        load_target("model.py", data="batching:endless")


def test_inputs_and_data_together_are_refused(write: Write, load_target: Load) -> None:
    write("model.py")
    write("batching.py", DATA)
    with pytest.raises(UsageError, match="both given"):
        load_target("model.py", data="batching:one", inputs=("x:float32[2,8]",))


def test_data_goes_before_example_inputs(write: Write, load_target: Load) -> None:
    write("model.py", NET + "def example_inputs(): return torch.zeros(1, 8)\n")
    write("batching.py", DATA)
    assert load_target("model.py", data="batching:one").inputs[0].shape == (3, 8)


def test_examples_are_cut_to_the_batches_asked_for(write: Write, load_target: Load) -> None:
    write("model.py", NET + "def example_inputs(): return [torch.zeros(1, 8)] * 5\n")
    assert len(load_target("model.py").batches) == 4
    assert len(load_target("model.py", batches=2).batches) == 1
    loaded = load_target("model.py", batches=9)
    assert "example_inputs() gives 5 of 9 batches." in loaded.guessed
    assert loaded.data == "given"


@pytest.mark.parametrize("inputs", [(), ("x:float32[5,8]",)])
def test_random_batches_differ_and_repeat(inputs: tuple[str, ...], write: Write, load_target: Load) -> None:
    write("model.py")

    def drawn() -> list[torch.Tensor]:
        loaded = load_target("model.py", fake=False, batches=3, inputs=inputs)
        assert loaded.data == "random"
        calls = ((loaded.args, loaded.kwargs), *loaded.batches)
        return [next(iter((*args, *kwargs.values()))) for args, kwargs in calls]

    first, again = drawn(), drawn()
    assert len({tensor.shape for tensor in first}) == 1
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not torch.equal(first[0], first[1])
    assert not torch.equal(first[1], first[2])


def test_fewer_than_one_batch_is_an_error_of_usage(write: Write, load_target: Load) -> None:
    write("model.py")
    with pytest.raises(UsageError, match="--batches 0"):
        load_target("model.py", batches=0)
