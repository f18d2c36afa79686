"""What has no formula is listed, with what to do about it."""

from __future__ import annotations

from attnprobe.probes.counting.unknown import unknown_ops
from tests.probes.hand_traces import Sketch


def test_an_opaque_op_on_floating_matrices_is_listed_once_with_a_remedy() -> None:
    sketch = Sketch()
    query = sketch.tensor(2, 16, 4, 8)
    for layer in ("layers.0", "layers.1"):
        sketch.op("natten.na1d.default", query, query, out=[sketch.tensor(2, 16, 4, 8)], module=layer)
    (found,) = unknown_ops(sketch.trace())
    assert (found.name, found.count, found.modules) == ("natten.na1d.default", 2, ("layers.0", "layers.1"))
    assert found.shapes == "float32[2,16,4,8] x float32[2,16,4,8]"
    assert '@formula("natten.na1d")' in found.remedy


def test_ops_that_cannot_cost_flops_are_not_listed() -> None:
    sketch = Sketch()
    matrix, ids = sketch.tensor(4, 4), sketch.tensor(4, 4, dtype="int64")
    sketch.op("torchvision.nms.default", ids, ids, out=[ids])  # integers
    sketch.op("my.scale.default", sketch.tensor(4), out=[sketch.tensor(4)])  # a vector
    sketch.op("aten.view.default", matrix, (16,), out=[sketch.tensor(16, view_of=matrix.id)])
    sketch.op("aten.softmax.int", matrix, -1, out=[sketch.tensor(4, 4)])
    assert unknown_ops(sketch.trace()) == ()


def test_an_unknown_op_of_the_loss_is_not_the_models() -> None:
    sketch = Sketch()
    sketch.op("my.loss.default", sketch.tensor(4, 4), out=[sketch.tensor(4)])
    assert unknown_ops(sketch.trace(forward_end=0)) == ()
