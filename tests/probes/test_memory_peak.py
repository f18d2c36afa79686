"""Where the memory peaks: traces written by hand, a storage of 100 bytes at a time."""

from __future__ import annotations

from typing import Any

from attnprobe.probes.memory_peak import probe
from attnprobe.records import Ref
from tests.probes.hand_traces import Sketch, dot_product
from tests.probes.written_attention import values


def sketch_of(*, inside: int, outside: int) -> tuple[Sketch, Ref, Ref]:
    """One op of a site makes `inside` floats, then one of another part makes `outside`."""
    sketch = Sketch()
    given = sketch.tensor(1, origin="input:x")
    scores, hidden = sketch.tensor(inside), sketch.tensor(outside)
    first = sketch.op("aten.bmm.default", given, out=[scores])
    sketch.op("aten.mm.default", given, out=[hidden])
    sketch.site(dot_product(score_ops=[first]), {"scores": [first]})
    return sketch, scores, hidden


def found(sketch: Sketch, **changes: Any) -> tuple[list[Any], float]:
    result = probe.run(sketch.subject(backward=True, **changes))
    (share,) = [m.value for m in result.measurements if m.metric == "peak_attention_share"]
    assert share is not None
    return values(result, "peak_in_attention"), share


def test_the_peak_is_where_the_sum_is_largest() -> None:
    sketch, _, _ = sketch_of(inside=30, outside=10)
    assert found(sketch) == ([0], 30 / 40)  # the second op adds to what lives


def test_what_was_let_go_of_before_does_not_count() -> None:
    sketch, scores, _ = sketch_of(inside=30, outside=10)
    sketch.free(scores, 1)
    sketch.events.sort(key=lambda event: (event.op, event.delta_bytes))  # freed first, then made
    assert found(sketch) == ([1], 1.0)


def test_a_backward_op_belongs_to_the_site_of_its_forward_op() -> None:
    sketch, _, _ = sketch_of(inside=30, outside=10)
    gradient = sketch.tensor(50)
    index = sketch.op("aten.bmm.default", Ref(0), out=[gradient], phase="backward", forward_op=0)
    stored = sketch.tensors[gradient.id]
    sketch.events.append(type(sketch.events[0])(index, stored.storage, stored.storage_bytes))
    assert found(sketch) == ([1], 80 / 90)


def test_without_a_backward_pass_there_is_no_training_step() -> None:
    sketch, _, _ = sketch_of(inside=30, outside=10)
    result = probe.run(sketch.subject())
    assert result.measurements == ()
    assert len(result.not_measured) == 2
