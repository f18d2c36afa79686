"""Sums over a trace: of the model, of sites, of modules; forward, backward, recomputed."""

from __future__ import annotations

from attnprobe.probes.counting.tally import count, flops_by_module
from tests.probes.hand_traces import Sketch, dot_product


def two_layer_step() -> Sketch:
    """A projection [32, 8] x [8, 8], scores [4, 4, 8] x [4, 8, 4], a loss product, and their backward."""
    sketch = Sketch()
    given, weight = sketch.tensor(32, 8, origin="input:0"), sketch.tensor(8, 8, origin="parameter:w")
    projected = sketch.tensor(32, 8)
    projection = sketch.op("aten.mm.default", given, weight, out=[projected], module="attn.q")
    query, key = sketch.tensor(4, 4, 8, view_of=projected.id), sketch.tensor(4, 8, 4, view_of=projected.id)
    scores = sketch.op("aten.bmm.default", query, key, out=[sketch.tensor(4, 4, 4)], module="attn")
    loss = sketch.op("aten.mv.default", sketch.tensor(16, 4), sketch.tensor(4), out=[sketch.tensor(16)])
    sketch.site(dot_product(score_ops=[scores]), {"projections": [projection], "scores": [scores]})
    grad = sketch.tensor(4, 4, 4)
    sketch.op("aten.mv.default", sketch.tensor(16, 4), sketch.tensor(4), phase="backward", forward_op=loss)
    for _ in range(2):  # gradients of query and key
        sketch.op("aten.bmm.default", grad, query, out=[query], phase="backward", forward_op=scores)
    sketch.op(
        "aten.mm.default",
        given,
        weight,
        out=[projected],
        module="attn.q",
        phase="recompute",
        forward_op=projection,
    )
    sketch.op("aten.mm.default", weight, weight, out=[weight], phase="backward", forward_op=projection)
    return sketch


PROJECTION = 2 * 32 * 8 * 8
SCORES = 2 * 4 * 4 * 8 * 4
SCORES_BACKWARD = 2 * (2 * 4 * 4 * 4 * 8)
WEIGHT_GRADIENT = 2 * 8 * 8 * 8


def test_a_backward_op_belongs_to_the_site_of_its_forward_op() -> None:
    site = count(two_layer_step().trace(forward_end=2)).sites[0]
    assert site.forward == PROJECTION + SCORES
    assert site.backward == SCORES_BACKWARD + PROJECTION + WEIGHT_GRADIENT
    assert (site.parts["projections"], site.core) == (PROJECTION, SCORES)


def test_recomputation_is_part_of_the_backward_and_known_apart() -> None:
    assert count(two_layer_step().trace(forward_end=2)).model.recomputed == PROJECTION


def test_the_loss_outside_the_model_and_its_backward_are_not_counted() -> None:
    model = count(two_layer_step().trace(forward_end=2)).model
    assert model.forward == PROJECTION + SCORES
    assert model.backward == SCORES_BACKWARD + PROJECTION + WEIGHT_GRADIENT


def test_modules_hold_what_their_submodules_cost() -> None:
    trace = two_layer_step().trace(forward_end=2)
    modules = flops_by_module(trace, count(trace))
    assert modules["attn.q"] == (PROJECTION, PROJECTION + WEIGHT_GRADIENT)
    assert modules["attn"] == (PROJECTION + SCORES, PROJECTION + WEIGHT_GRADIENT + SCORES_BACKWARD)
    assert modules[""] == modules["attn"]


def test_the_parts_of_a_fused_encoder_layer_do_not_all_belong_to_attention() -> None:
    sketch, width, hidden = Sketch(), 32, 128
    vector = sketch.tensor(width)
    layer = sketch.op(
        "aten._transformer_encoder_layer_fwd.default",
        *(sketch.tensor(2, 16, width), width, 4, sketch.tensor(3 * width, width), vector, vector, vector),
        *(True, False, 1e-5, vector, vector, vector, vector),
        *(sketch.tensor(hidden, width), vector, sketch.tensor(width, hidden), vector),
        out=[sketch.tensor(2, 16, width)],
    )
    sketch.site(dot_product(score_ops=[layer]), {"scores": [layer]})
    site = count(sketch.trace()).sites[0]
    assert site.parts["feed_forward"] == 2 * 32 * 2 * width * hidden
    assert site.core == 4 * 2 * 16 * 16 * width


def test_elementwise_work_counts_writes_and_reductions_count_reads() -> None:
    sketch = Sketch()
    scores = sketch.tensor(4, 16, 16)
    sketch.op("aten.mul.Tensor", scores, 0.5, out=[sketch.tensor(4, 16, 16)])
    sketch.op("aten.sum.dim_IntList", scores, (-1,), out=[sketch.tensor(4, 16)])
    sketch.op("aten.view.default", scores, (64, 16), out=[sketch.tensor(64, 16, view_of=scores.id)])
    model = count(sketch.trace()).model
    assert model.elementwise == 2 * 4 * 16 * 16
    assert model.forward == 0


def test_copies_count_the_bytes_they_write_and_aliases_none() -> None:
    sketch = Sketch()
    key = sketch.tensor(2, 2, 16, 8)
    expanded = sketch.tensor(2, 2, 4, 16, 8, view_of=key.id)
    sketch.op("aten.expand.default", key, (2, 2, 4, 16, 8), out=[expanded])
    sketch.op("aten.clone.default", expanded, out=[sketch.tensor(2, 2, 4, 16, 8)])
    sketch.op("aten._to_copy.default", key, out=[sketch.tensor(2, 2, 16, 8, view_of=key.id)])
    cache = sketch.tensor(2, 8, 32, 8, dtype="bfloat16")
    sketch.op("aten.copy_.default", cache, key, out=[cache], writes=(cache.id,))
    assert count(sketch.trace()).model.copied_bytes == 4 * (2 * 2 * 4 * 16 * 8) + 2 * (2 * 8 * 32 * 8)
