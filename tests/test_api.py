"""The Python API: any module in this process, given back as it was."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import attnprobe
from attnprobe.errors import ModelError, ScanFileError, UsageError
from attnprobe.scan_file import dump


class Block(nn.Module):
    """One attention of 4 heads of 8 over vectors of width 32."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(32, 4, dropout=0.1, batch_first=True)
        self.norm = nn.BatchNorm1d(32)

    def forward(self, x: Tensor) -> Tensor:
        mixed: Tensor = self.attention(x, x, x, need_weights=False)[0]  # [B, S, E]
        normed: Tensor = self.norm(mixed.mT).mT
        return normed


@pytest.fixture
def block() -> Block:
    torch.manual_seed(0)
    return Block()


def test_a_scan_finds_the_attention_and_counts_it(block: Block) -> None:
    scan = attnprobe.scan(block, torch.randn(2, 10, 32), static=True, name="a block")
    (site,) = scan.sites
    assert (site.id, site.num_heads, site.head_dim, site.q_len) == ("attention", 4, 8, 10)
    assert scan.model.target == "a block"
    # B H S S D = 2 4 10 10 8 multiply-adds, each of two FLOPs, for the scores and for the values.
    assert scan.totals["flops_core"] == 2 * 2 * (2 * 4 * 10 * 10 * 8)


def test_the_model_is_given_back_as_it_was(block: Block) -> None:
    block.train()
    inputs = torch.randn(2, 10, 32)
    block(inputs).sum().backward()
    tensors = {name: tensor.clone() for name, tensor in block.state_dict().items()}
    gradients = {
        name: tensor.grad.clone() for name, tensor in block.named_parameters() if tensor.grad is not None
    }
    random_state = torch.get_rng_state()
    attnprobe.scan(block, inputs, repeats=1, warmup=0)
    assert block.training
    assert torch.equal(torch.get_rng_state(), random_state)
    assert all(torch.equal(tensor, tensors[name]) for name, tensor in block.state_dict().items())
    assert all(torch.equal(tensor.grad, gradients[name]) for name, tensor in block.named_parameters())


def test_inputs_are_a_tensor_a_tuple_a_dict_or_a_list_of_those(block: Block) -> None:
    x = torch.randn(2, 6, 32)
    forms = (x, (x,), {"x": x}, [x, x])
    scans = [attnprobe.scan(block, form, static=True, probes=["flops"]) for form in forms]
    assert {scan.totals["flops_forward"] for scan in scans} == {scans[0].totals["flops_forward"]}
    assert [scan.workload.inputs[0].name for scan in scans] == ["0", "0", "x", "0"]


def test_data_are_batches_and_the_loss_gets_their_labels(block: Block) -> None:
    shown: list[int] = []

    def loss(outputs: Tensor, inputs: tuple[Tensor, Tensor]) -> Tensor:
        _, labels = inputs
        shown.append(int(labels[0]))
        return (outputs.mean((1, 2)) - labels).square().mean()

    batches = ((torch.randn(2, 6, 32), torch.tensor([number, number])) for number in range(100))
    scan = attnprobe.scan(block, data=batches, batches=3, loss=loss, repeats=1, warmup=0)
    assert (scan.workload.data, scan.workload.batches) == ("given", 3)
    assert scan.workload.inputs[0].origin == "given"
    assert set(shown) == {0, 1, 2}


def test_inputs_and_data_together_are_an_error_of_usage(block: Block) -> None:
    with pytest.raises(UsageError, match="both inputs and data"):
        attnprobe.scan(block, torch.zeros(1, 2, 32), data=[torch.zeros(1, 2, 32)])


def test_a_list_of_inputs_is_run_batch_by_batch(block: Block) -> None:
    x = torch.randn(2, 6, 32)
    scan = attnprobe.scan(block, [x, x, x], repeats=1, warmup=0, probes=["timing"])
    assert (scan.workload.data, scan.workload.batches) == ("given", 3)


def test_random_inputs_are_said_to_describe_no_data(block: Block) -> None:
    scan = attnprobe.scan(block, seq_len=6, batches=2, repeats=1, warmup=0, probes=["timing"])
    assert (scan.workload.data, scan.workload.batches) == ("random", 2)
    assert "describe random inputs, not your data" in scan.workload.guessed[-1]


def test_inputs_are_guessed_when_none_are_given(block: Block) -> None:
    scan = attnprobe.scan(block, static=True, seq_len=12, probes=["flops"])
    assert scan.workload.inputs[0].origin == "guessed"
    assert scan.workload.inputs[0].shape[1:] == (12, 32)


@pytest.mark.parametrize("inputs", [3, "ids", object()])
def test_inputs_of_another_type_are_an_error_of_usage(inputs: object, block: Block) -> None:
    with pytest.raises(UsageError, match="inputs of type"):
        attnprobe.scan(block, inputs)


def test_what_is_no_module_is_an_error_of_usage() -> None:
    with pytest.raises(UsageError, match="model of type function"):
        attnprobe.scan(lambda x: x, torch.zeros(1))  # type: ignore[arg-type]


def test_a_forward_that_fails_names_the_users_line(block: Block) -> None:
    with pytest.raises(ModelError) as caught:
        attnprobe.scan(block, torch.randn(2, 10, 31), static=True)
    assert "test_api.py:" in caught.value.location


def test_progress_is_told_of_every_stage(block: Block) -> None:
    told: list[tuple[str, str]] = []
    attnprobe.scan(
        block,
        torch.randn(1, 4, 32),
        static=True,
        progress=lambda stage, state, seconds: told.append((stage, state)),
    )
    started = [stage for stage, state in told if state == "start"]
    assert started[0] == "trace"
    assert started == [stage for stage, state in told if state != "start"]


def test_a_saved_scan_is_loaded_again(block: Block, tmp_path: Path) -> None:
    scan = attnprobe.scan(block, torch.randn(1, 4, 32), static=True, probes=["flops"])
    (tmp_path / "scan.json").write_text(dump(scan))
    assert attnprobe.load_scan(tmp_path / "scan.json") == scan
    with pytest.raises(ScanFileError):
        attnprobe.load_scan(tmp_path / "missing.json")


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        attnprobe.nonsense  # noqa: B018
