"""Over what the softmax sums to one, and how often there is one."""

from __future__ import annotations

from attnprobe.records import Core, Number
from attnprobe.tracing.axes.labelling import op_names, short_name
from attnprobe.tracing.reading.scene import Scene
from attnprobe.tracing.structuring.inside import Inside, insides, normalisations, parts_of

_UNSEEN = "the way from its scores to its values is not seen"
_NO_SOFTMAX = "its normaliser is no softmax"
_IDLE = op_names(  # what leaves probabilities what they are
    "view _unsafe_view reshape transpose permute t expand clone contiguous _to_copy unsqueeze squeeze alias",
    "detach native_dropout dropout slice _reshape_alias",
)


def softmax_over_queries(scene: Scene, core: Core) -> Number | str:
    """1: the weights sum to one over the queries, and nothing makes them sum to one over the keys."""
    if core.normaliser != "softmax":
        return _NO_SOFTMAX
    if _is_fused(scene, core):
        return 0
    seen = insides(scene, core)
    if seen is None:
        return _UNSEEN
    for inside in seen:
        found = [each.over for each in normalisations(scene, inside)]
        if not found or "" in found:
            return "over what its softmax sums to one could not be told"
        if "keys" in found:
            return 0
    return 1


def repeated_softmax(scene: Scene, core: Core) -> Number | str:
    """1: the probabilities of one softmax are the scores of another."""
    if core.normaliser != "softmax":
        return _NO_SOFTMAX
    if _is_fused(scene, core):
        return 0
    seen = insides(scene, core)
    if seen is None:
        return _UNSEEN
    return int(all(_is_repeated(scene, inside) for inside in seen))


def _is_fused(scene: Scene, core: Core) -> bool:
    return all(part.value_ops[-1] not in scene.contractions for part in parts_of(core))


def _is_repeated(scene: Scene, inside: Inside) -> bool:
    """Two softmaxes over the keys with nothing but views and dropout between them.

    A logarithm in between undoes the first; one over the queries belongs to a doubly stochastic map.
    """
    found = [each for each in normalisations(scene, inside) if "log_softmax" not in scene.ops[each.op].name]
    found = [each for each in found if each.over == "keys"]
    if len(found) < 2 or "softmax" not in scene.ops[found[1].op].name:
        return False
    between = inside.steps[found[0].place + 1 : found[1].place]
    return all(short_name(scene.ops[step.op].name) in _IDLE for step in between)
