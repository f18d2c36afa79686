"""What is in memory when, from births and deaths of storages."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attnprobe.errors import InternalError
from attnprobe.probes.storage.dtypes import is_floating, itemsize
from attnprobe.probes.storage.lifetimes import peak_bytes, resident_bytes, saved_bytes
from tests.probes.hand_traces import Sketch


def test_tied_parameters_and_views_are_resident_once() -> None:
    sketch = Sketch()
    weight = sketch.tensor(50, 8, origin="parameter:embedding.weight")
    sketch.tensor(50, 8, origin="parameter:head.weight", view_of=weight.id)
    sketch.tensor(16, origin="buffer:positions", dtype="int64")
    sketch.tensor(2, 16, origin="input:ids", dtype="int64")
    sketch.tensor(1000)
    assert resident_bytes(sketch.trace()) == 4 * 50 * 8 + 8 * 16 + 8 * 32


def chain() -> Sketch:
    """x -> a (dies when b is made) -> b (kept for backward) -> out (an output); backward makes a gradient."""
    sketch = Sketch()
    x = sketch.tensor(10, origin="input:x")
    a, b, out, grad = sketch.tensor(100), sketch.tensor(200), sketch.tensor(50), sketch.tensor(400)
    sketch.op("aten.exp.default", x, out=[a])
    sketch.op("aten.exp.default", a, out=[b])
    sketch.free(a, 1)
    sketch.op("aten.mul.Tensor", b, b, out=[out])
    sketch.free(out, 3)
    backward = sketch.op("aten.mul.Tensor", b, b, out=[grad], phase="backward", forward_op=2)
    sketch.events.append(type(sketch.events[0])(backward, grad.id, 1600))
    sketch.free(b, 4)
    return sketch


def test_the_peak_of_a_forward_is_its_largest_moment() -> None:
    # resident 40; a (400) and b (800) at once, later b and out (200)
    assert peak_bytes(chain().trace(), end=3) == 40 + 400 + 800


def test_the_peak_of_a_step_knows_gradients() -> None:
    assert peak_bytes(chain().trace()) == 40 + 800 + 1600


def test_what_the_graph_holds_counts_for_the_op_that_made_it() -> None:
    sketch = chain()
    trace = sketch.trace(output_storages=frozenset({sketch.ops[2].outputs[0]}))
    assert saved_bytes(trace) == {1: 800}


def test_an_output_that_the_graph_holds_too_is_kept() -> None:
    sketch = Sketch()
    x, out = sketch.tensor(10, origin="input:x"), sketch.tensor(10)
    sketch.op("aten.exp.default", x, out=[out])  # exp keeps its result for backward
    sketch.op("aten.mul.Tensor", out, out, out=[sketch.tensor(10)], phase="backward", forward_op=0)
    sketch.op("aten.mul.Tensor", out, out, out=[sketch.tensor(10)], phase="backward", forward_op=0)
    sketch.free(out, 2)
    trace = sketch.trace(output_storages=frozenset({out.id}))
    assert saved_bytes(trace) == {0: 40}


def test_an_output_that_only_the_caller_holds_is_not() -> None:
    sketch = Sketch()
    x, out = sketch.tensor(10, origin="input:x"), sketch.tensor(10)
    sketch.op("aten.add.Tensor", x, x, out=[out])
    sketch.op("aten.mul.Tensor", x, x, out=[x], phase="backward", forward_op=0)
    assert saved_bytes(sketch.trace(output_storages=frozenset({out.id}))) == {}


@given(st.lists(st.integers(1, 100), min_size=1, max_size=20))
def test_a_chain_without_graph_needs_at_most_two_neighbours(sizes: list[int]) -> None:
    sketch = Sketch()
    before = sketch.tensor(1, origin="input:x")
    for size in sizes:
        after = sketch.tensor(size)
        index = sketch.op("aten.exp.default", before, out=[after])
        if index:
            sketch.free(before, index)
        before = after
    pairs = [a + b for a, b in zip([0, *sizes], sizes, strict=False)]
    assert peak_bytes(sketch.trace()) == 4 + 4 * max(pairs)


def test_sizes_of_dtypes() -> None:
    assert [itemsize(name) for name in ("bool", "bfloat16", "float32", "complex128")] == [1, 2, 4, 16]
    assert itemsize("float8_e4m3fn") == 1
    assert itemsize("float4_e2m1fn_x2") == 0.5
    assert is_floating("bfloat16")
    assert not is_floating("int8")
    with pytest.raises(InternalError, match="'quaternion'"):
        itemsize("quaternion")
