"""Bytes that ops move."""

from __future__ import annotations

from attnprobe.probes.counting.call import OpCall
from attnprobe.probes.roofline_model.traffic import traffic_bytes
from tests.probes.hand_traces import Sketch


def last(sketch: Sketch) -> int:
    return traffic_bytes(OpCall(sketch.ops[-1], tuple(sketch.tensors)))


def test_an_op_reads_its_inputs_and_writes_its_result() -> None:
    sketch = Sketch()
    sketch.op("aten.mm.default", sketch.tensor(3, 5), sketch.tensor(5, 7), out=[sketch.tensor(3, 7)])
    assert last(sketch) == 4 * (15 + 35 + 21)


def test_a_tensor_that_is_read_twice_is_read_once() -> None:
    sketch = Sketch()
    x = sketch.tensor(10)
    sketch.op("aten.mul.Tensor", x, x, out=[sketch.tensor(10)])
    assert last(sketch) == 4 * 20


def test_a_view_moves_nothing() -> None:
    sketch = Sketch()
    x = sketch.tensor(3, 5)
    sketch.op("aten.t.default", x, out=[sketch.tensor(5, 3, view_of=x.id)])
    assert last(sketch) == 0


def test_an_expanded_tensor_counts_as_its_memory() -> None:
    sketch = Sketch()
    mask = sketch.tensor(1, 1, 16, 16)
    expanded = sketch.tensor(2, 4, 16, 16, view_of=mask.id)
    scores, out = sketch.tensor(2, 4, 16, 16), sketch.tensor(2, 4, 16, 16)
    sketch.op("aten.add.Tensor", scores, expanded, out=[out])
    assert last(sketch) == 4 * (2 * 2 * 4 * 256 + 256)


def test_in_place_work_reads_and_writes() -> None:
    sketch = Sketch()
    x, y = sketch.tensor(10), sketch.tensor(10)
    sketch.op("aten.add_.Tensor", x, y, out=[x], writes=(x.id,))
    assert last(sketch) == 4 * 30


def test_an_embedding_reads_the_rows_it_returns_not_the_table() -> None:
    sketch = Sketch()
    table, ids, out = sketch.tensor(50_000, 64), sketch.tensor(2, 8, dtype="int64"), sketch.tensor(2, 8, 64)
    sketch.op("aten.embedding.default", table, ids, out=[out])
    assert last(sketch) == 2 * 4 * 1024 + 8 * 16


def test_fused_attention_moves_no_scores() -> None:
    sketch = Sketch()
    query, key, value = (sketch.tensor(2, 4, 1024, 64) for _ in range(3))
    out, log_sum_exp = sketch.tensor(2, 4, 1024, 64), sketch.tensor(2, 4, 1024)
    name = "aten._scaled_dot_product_flash_attention_for_cpu.default"
    sketch.op(name, query, key, value, out=[out, log_sum_exp])
    assert last(sketch) == 4 * (4 * 2 * 4 * 1024 * 64 + 2 * 4 * 1024)
