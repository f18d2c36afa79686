"""Causal linear attention that keeps its state: outer products k ⊗ v, a running sum, times the queries."""

from __future__ import annotations

from dataclasses import dataclass, replace

from attnprobe.records import Core, Op
from attnprobe.tracing.axes.algebra import flat, size_of
from attnprobe.tracing.axes.labelling import Contraction, short_name
from attnprobe.tracing.reading.denominator import denominator
from attnprobe.tracing.reading.heads import split
from attnprobe.tracing.reading.lineage import Path, walk_back
from attnprobe.tracing.reading.running_operands import running_operands
from attnprobe.tracing.reading.scene import Pattern, Scene
from attnprobe.tracing.reading.sides import Side, sides

_RUNNING = ("cumsum", "logcumsumexp", "cumprod")


@dataclass(frozen=True, slots=True)
class _Readout:
    """A product as one of queries with a state."""

    product: Contraction
    state: Side
    query: Side


def find(scene: Scene) -> list[Core]:
    """One core per product of queries with a running sum of outer products."""
    cores = []
    for index, product in sorted(scene.contractions.items()):
        if index in scene.claimed or index >= scene.end:
            continue
        for readout in _readouts(product):
            core = _core(scene, readout)
            if core is not None:
                cores.append(core)
                break
    return cores


def _readouts(product: Contraction) -> tuple[_Readout, _Readout]:
    left, right = sides(product)
    return _Readout(product, *left), _Readout(product, *right)


def _core(scene: Scene, readout: _Readout) -> Core | None:
    if not (scene.is_data(readout.state.tensor) and scene.is_data(readout.query.tensor)):
        return None
    path = walk_back(scene, readout.state.tensor, readout.state.contracted, readout.state.free)
    outer = path.origin
    running = next((scene.ops[i] for i in path.ops if short_name(scene.ops[i].name) in _RUNNING), None)
    if running is None or outer is None or path.source is not None:
        return None
    if short_name(outer.name).rstrip("_") != "mul":
        return None
    scene.claimed.update((outer.index, readout.product.op, *path.ops))
    return _build(scene, readout, path, outer, running)


def _build(scene: Scene, readout: _Readout, path: Path, outer: Op, running: Op) -> Core:
    product, query = readout.product, readout.query.tensor
    key, value = outer.inputs[:2]
    if not path.summed <= scene.label(key).axes():
        key, value = value, key
    time = scene.label(running.inputs[0]).dims[running.arguments[1]]
    others = [dim for dim in scene.label(query).dims if dim not in (*readout.query.contracted, time)]
    part = split(scene, others, readout.query.contracted, [time])
    core = Core(
        mechanism="linear",
        normaliser="none",
        role="self",
        score_ops=(outer.index,),
        value_ops=(product.op,),
        inner_ops=(*reversed(path.ops), *denominator(scene, product, query)),
        query=query,
        key=key,
        value=value,
        output=product.output,
        batch=part.batch,
        windows=1,
        num_heads=part.heads,
        num_kv_heads=part.heads,
        head_dim=product.contracted_size,
        value_dim=size_of(flat(readout.state.free)),
        q_len=size_of(time),
        kv_len=size_of(time),
        scale=None,
        dropout=0.0,
        mask_ops=(),
        is_causal_flag=True,
        kernel="unfused",
        notes=("every position's state is kept in memory",),
    )
    return replace(
        core, operands=running_operands(scene, core, product, (readout.state, readout.query), time)
    )


pattern = Pattern("outer_product_state", find, order=2)
