"""Causal linear attention that keeps its state: outer products k ⊗ v, a running sum, a product with the queries."""

from __future__ import annotations

from attnprobe.records import Core
from attnprobe.tracing.axes.algebra import size_of
from attnprobe.tracing.axes.labelling import short_name
from attnprobe.tracing.reading.denominator import denominator
from attnprobe.tracing.reading.heads import split
from attnprobe.tracing.reading.lineage import walk_back
from attnprobe.tracing.reading.scene import Pattern, Scene

_RUNNING = ("cumsum", "logcumsumexp", "cumprod")


def find(scene: Scene) -> list[Core]:
    """One core per product of queries with a running sum of outer products."""
    cores = []
    for index, product in sorted(scene.contractions.items()):
        if index in scene.claimed or index >= scene.end:
            continue
        sides = (
            (product.lhs, product.lhs_contracted, product.lhs_free, product.rhs, product.rhs_contracted),
            (product.rhs, product.rhs_contracted, product.rhs_free, product.lhs, product.lhs_contracted),
        )
        for state, state_sum, state_free, query, query_sum in sides:
            if not (scene.is_data(state) and scene.is_data(query)):
                continue
            path = walk_back(scene, state, state_sum, state_free)
            running = [i for i in path.ops if short_name(scene.ops[i].name) in _RUNNING]
            outer = path.origin
            if (
                not running
                or path.source is not None
                or outer is None
                or short_name(outer.name).rstrip("_") != "mul"
            ):
                continue
            key, value = outer.inputs[:2]
            if not path.summed <= scene.label(key).axes():
                key, value = value, key
            label = scene.label(query)
            time = scene.label(scene.ops[running[0]].inputs[0]).dims[scene.ops[running[0]].arguments[1]]
            part = split(scene, [d for d in label.dims if d not in (*query_sum, time)], query_sum, [time])
            cores.append(
                Core(
                    mechanism="linear",
                    normaliser="none",
                    role="self",
                    score_ops=(outer.index,),
                    value_ops=(index,),
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
                    value_dim=size_of(tuple(f for d in state_free for f in d)),
                    q_len=size_of(time),
                    kv_len=size_of(time),
                    scale=None,
                    dropout=0.0,
                    mask_ops=(),
                    is_causal_flag=True,
                    kernel="unfused",
                    notes=("every position's state is kept in memory",),
                )  # fmt: skip
            )
            scene.claimed.update((outer.index, index, *path.ops))
            break
    return cores


pattern = Pattern("outer_product_state", find, order=2)
