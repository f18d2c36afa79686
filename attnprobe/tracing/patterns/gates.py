"""Channel and spatial attention: a feature map multiplied by a gate that was pooled from that same map.

    channel   pool over positions, a small network, sigmoid, multiply every channel
              (SE, arXiv:1709.01507; ECA, arXiv:1910.03151)
    spatial   pool over channels, a convolution, sigmoid, multiply every position
              (CBAM, arXiv:1807.06521)

A normalisation layer also pools and multiplies; it has no learned network and no squashing between the two.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod

from attnprobe.records import Core, Op, Role
from attnprobe.tracing.axes.labelling import op_names, short_name
from attnprobe.tracing.reading.scene import Pattern, Scene
from attnprobe.tracing.reading.weighted_operands import gate_operands

_SQUASHING = frozenset({"sigmoid", "hardsigmoid", "softmax", "_softmax", "tanh", "hardtanh", "clamp"})
_POOLING = op_names(
    "mean amax amin max sum _adaptive_avg_pool2d _adaptive_avg_pool3d adaptive_max_pool2d avg_pool2d",
    "max_pool2d_with_indices adaptive_avg_pool1d var std var_mean logsumexp",
)
_LONGEST = 40


@dataclass(frozen=True, slots=True)
class _Network:
    """What lies between the pooling and the gate."""

    learned: tuple[int, ...]
    passed: tuple[int, ...]
    squash: str


def find(scene: Scene) -> list[Core]:
    """One core per gated multiplication."""
    cores = []
    for op in scene.ops[: scene.end]:
        if op.index in scene.claimed or not _is_multiplication(op):
            continue
        for gate, features in (op.inputs, op.inputs[::-1]):
            core = _core(scene, op, gate, features)
            if core is not None:
                scene.claimed.update((*core.score_ops, *core.inner_ops, op.index))
                cores.append(core)
                break
    return cores


def _is_multiplication(op: Op) -> bool:
    return op.phase == "forward" and short_name(op.name).rstrip("_") == "mul" and len(op.inputs) == 2


def _core(scene: Scene, op: Op, gate: int, features: int) -> Core | None:
    if not (scene.is_data(gate) and scene.is_data(features)):
        return None
    kept = _gated_dims(scene, gate, features)
    network = _network(scene, gate, features) if kept else None
    if network is None:
        return None
    whole = scene.tensors[features].shape
    role: Role = "channel" if all(scene.is_width(scene.label(features).dims[i]) for i in kept) else "spatial"
    count = prod(whole[i] for i in kept)
    core = Core(
        mechanism=role,
        normaliser=network.squash,
        role=role,
        score_ops=network.learned,
        value_ops=(op.index,),
        inner_ops=tuple(i for i in network.passed if i not in network.learned),
        query=None,
        key=None,
        value=features,
        output=op.outputs[0],
        batch=whole[0],
        windows=1,
        num_heads=1,
        num_kv_heads=1,
        head_dim=1,
        value_dim=scene.tensors[features].numel // max(whole[0] * count, 1),
        q_len=count,
        kv_len=count,
        scale=None,
        dropout=0.0,
        mask_ops=(),
        is_causal_flag=False,
        kernel="unfused",
    )
    return replace(core, operands=gate_operands(scene, core, features, kept))


def _gated_dims(scene: Scene, gate: int, features: int) -> list[int]:
    """Dims of the features along which the gate differs, but for samples; none when it was not pooled."""
    own, whole = scene.tensors[gate].shape, scene.tensors[features].shape
    if len(own) > len(whole):
        return []
    aligned = (1,) * (len(whole) - len(own)) + own
    sizes = list(enumerate(zip(aligned, whole, strict=True)))
    is_pooled = len(whole) >= 3 and any(g == 1 and f > 1 for _, (g, f) in sizes)
    return [i for i, (g, f) in sizes if i and g == f and f > 1] if is_pooled else []


def _network(scene: Scene, gate: int, features: int) -> _Network | None:
    """Walk from the gate to the poolings of the very features that it multiplies."""
    squash = ""
    learned: list[int] = []
    has_pooling = False
    same_map = _same_map(scene, features)
    todo: list[tuple[int, int | None]] = [(gate, None)]
    seen: set[int] = set()
    while todo and len(seen) < _LONGEST:
        op = scene.maker(*todo.pop())
        if op is None or op.index in seen:
            continue
        seen.add(op.index)
        name = short_name(op.name).rstrip("_")
        if name in _SQUASHING and not squash and not learned:
            squash = name.lstrip("_")
        if name in _POOLING and any(t in same_map for t in op.inputs[:1]):
            has_pooling = True
            continue
        if any(t in same_map for t in op.inputs):
            return None  # the gate reads the features without pooling: a gated unit, not attention
        if _is_learned(scene, op):
            learned.append(op.index)
        todo += [(t, op.index) for t in op.inputs if scene.is_data(t)]
    if not (squash and learned and has_pooling):
        return None
    return _Network(tuple(sorted(learned)), tuple(sorted(seen)), squash)


def _is_learned(scene: Scene, op: Op) -> bool:
    """A product or a convolution with a weight."""
    is_product = op.index in scene.contractions or "convolution" in op.name
    return is_product and any(scene.is_weight(t) for t in op.inputs)


def _same_map(scene: Scene, tensor: int) -> set[int]:
    """The tensor and the views of it that a pooling may have read instead."""
    found = {tensor}
    storage = scene.tensors[tensor].storage
    before: int | None = None
    while (
        (op := scene.maker(tensor, before)) is not None
        and op.inputs
        and scene.tensors[op.inputs[0]].storage == storage
    ):
        tensor, before = op.inputs[0], op.index
        found.add(tensor)
    frontier = list(found)
    while frontier:
        for index in scene.consumers.get(frontier.pop(), ()):
            for output in scene.ops[index].outputs:
                if scene.tensors[output].storage == storage and output not in found:
                    found.add(output)
                    frontier.append(output)
    return found


pattern = Pattern("gates", find, order=4)
