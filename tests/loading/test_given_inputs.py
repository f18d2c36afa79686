"""--input NAME:DTYPE[SHAPE]."""

from __future__ import annotations

import pytest
import torch

from attnprobe.errors import ModelError, UsageError
from attnprobe.loading.inputs.given import GivenInput, parse_inputs
from tests.loading.conftest import NET, Load, Write


def test_a_name_a_dtype_and_a_shape_are_read() -> None:
    assert parse_inputs(("ids:int64[2,128]", " mask : bool [ 2 , 1 ] ")) == (
        GivenInput("ids", torch.int64, (2, 128)),
        GivenInput("mask", torch.bool, (2, 1)),
    )


def test_a_position_and_a_scalar_are_read() -> None:
    assert parse_inputs(("0:float32[]",))[0] == GivenInput("0", torch.float32, ())


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("ids", "expected NAME:DTYPE[SHAPE]"),
        ("ids:int64", "expected NAME:DTYPE[SHAPE]"),
        ("ids:int64[2,-1]", "expected NAME:DTYPE[SHAPE]"),
        ("ids:int46[2]", "no dtype is named 'int46'; did you mean 'int64'?"),
        ("ids:int64[2,,3]", "whole numbers"),
    ],
)
def test_a_malformed_one_is_a_usage_error(spec: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_inputs((spec,))
    assert message in caught.value.message


def test_positions_may_not_leave_a_gap_nor_names_repeat() -> None:
    with pytest.raises(UsageError, match="leave one out"):
        parse_inputs(("1:float32[2]",))
    with pytest.raises(UsageError, match="twice"):
        parse_inputs(("x:float32[2]", "x:float32[3]"))


def test_given_inputs_come_before_example_inputs(write: Write, load_target: Load) -> None:
    write("model.py", NET + "def example_inputs(): return torch.zeros(1, 8)\n")
    loaded = load_target("model.py", inputs=("x:float32[5,8]",))
    assert loaded.args == ()
    assert tuple(loaded.kwargs["x"].shape) == (5, 8)
    assert loaded.inputs[0].origin == "given"


def test_ids_are_within_the_vocabulary_and_masks_hide_nothing(write: Write, load_target: Load) -> None:
    text = NET.replace("nn.Linear(8, 8)", "nn.Embedding(5, 8)").replace("self, x", "self, ids, mask")
    write("model.py", text.replace("self.proj(x)", "self.proj(ids) * mask[..., None]"))
    loaded = load_target("model.py", inputs=("ids:int32[4,6]", "mask:int64[4,6]"))
    assert loaded.kwargs["ids"].dtype is torch.int32
    assert int(loaded.kwargs["ids"].max()) < 5
    assert bool((loaded.kwargs["mask"] == 1).all())


def test_what_is_not_given_but_needed_is_guessed(write: Write, load_target: Load) -> None:
    text = NET.replace("self, x", "self, x, memory").replace(
        "self.proj(x)", "self.proj(x) @ self.proj(memory).mT"
    )
    write("model.py", text)
    loaded = load_target("model.py", inputs=("x:float32[2,3,8]",))
    assert [(item.name, item.origin) for item in loaded.inputs] == [("x", "given"), ("memory", "guessed")]
    assert loaded.kwargs["memory"].shape[-1] == 8


def test_example_inputs_follow_an_explicit_dtype(write: Write, load_target: Load) -> None:
    write("model.py", NET + "def example_inputs(): return torch.zeros(1, 8)\n")
    loaded = load_target("model.py", dtype="bfloat16", fake=False)
    assert loaded.args[0].dtype is torch.bfloat16
    assert loaded.module.proj.weight.dtype is torch.bfloat16


def test_sizes_that_do_not_apply_are_said(write: Write, load_target: Load) -> None:
    write("model.py", NET + "def example_inputs(): return torch.zeros(1, 8)\n")
    assert any("do not apply" in sentence for sentence in load_target("model.py", seq_len=9).guessed)


def test_guessed_inputs_follow_the_batch_of_the_given_one(write: Write, load_target: Load) -> None:
    text = NET.replace("self, x", "self, x, memory").replace(
        "self.proj(x)", "self.proj(x) @ self.proj(memory).mT"
    )
    write("model.py", text)
    assert load_target("model.py", inputs=("x:float32[5,3,8]",)).inputs[1].shape == (5, 128, 8)


def test_a_misspelt_name_is_not_swallowed(write: Write, load_target: Load) -> None:
    write("model.py", NET.replace("self, x", "self, tokens=None, **kwargs").replace("(x)", "(tokens)"))
    with pytest.raises(UsageError, match="did you mean 'tokens'"):
        load_target("model.py", inputs=("token:float32[2,8]",))


def test_given_inputs_that_do_not_fit_are_the_error(write: Write, load_target: Load) -> None:
    write("model.py")
    with pytest.raises(ModelError) as caught:
        load_target("model.py", inputs=("x:float32[2,9]",))
    assert "fails on the inputs given; on x float32[2, 9] it raised" in caught.value.message
    assert '--input "x:float32[2,9]"' in caught.value.hint
