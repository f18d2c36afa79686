"""model → op graph → attention sites."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
from torch import nn

from attnprobe.borrowing import without_garbage_collection
from attnprobe.records import BlindSpot, Core, LoadedModel, Op, Tensor, Trace
from attnprobe.tracing.assembling.merging import merged
from attnprobe.tracing.assembling.sites import assemble
from attnprobe.tracing.assembling.streams import streams
from attnprobe.tracing.assembling.translating import translation
from attnprobe.tracing.axes.algebra import Dim
from attnprobe.tracing.capturing.run import capture_step
from attnprobe.tracing.reading.scene import Scene
from attnprobe.tracing.recognition import understand
from attnprobe.tracing.structuring.facts import structures

_DETACH = "aten.detach.default"
_KNOWN_LIBRARIES = ("aten.", "prim.", "prims.", "profiler.", "inductor.")


def trace(
    model: LoadedModel, *, train: bool, backward: bool, seed: int = 0, with_lines: bool = True
) -> Trace:
    """Capture one step of the model and understand it.

    Raises:
        ModelError: The forward or the backward raised.
    """
    with without_garbage_collection():
        return _trace(model, train=train, backward=backward, seed=seed, with_lines=with_lines)


def retrace(model: LoadedModel, known: Trace, *, seed: int = 0) -> Trace:
    """A forward-only trace of the same model on other inputs, with the sites of `known`.

    The ops of the two runs are matched in order, which is far cheaper than to recognise everything anew;
    where the model takes another path, it is recognised anew. Cores and streams speak of the new run; sites
    keep the sizes of the known one.

    Raises:
        ModelError: The forward raised.
    """
    with without_garbage_collection():
        captured = capture_step(model, train=known.train, backward=False, seed=seed, with_lines=False)
        pairs = _matched(known, captured.ops[: captured.forward_end])
        if pairs is None:
            return _trace(model, train=known.train, backward=False, seed=seed, with_lines=False)
    moved = translation(pairs, known.tensors, captured.tensors)
    return replace(
        known,
        ops=captured.ops,
        tensors=captured.tensors,
        events=captured.events,
        cores=tuple(map(moved.core, known.cores)),
        streams=tuple(map(moved.stream, known.streams)),
        site_of_op={moved.ops[op]: part for op, part in known.site_of_op.items() if op in moved.ops},
        forward_end=captured.forward_end,
        loss_end=captured.loss_end,
        output_storages=captured.output_storages,
        backward=False,
        seconds=captured.seconds,
    )


def _matched(known: Trace, ops: Sequence[Op]) -> list[tuple[Op, Op]] | None:
    """Each op of `known` with that of the same rank; None if the paths differ.

    A pass without gradients leaves out the `detach` of saved results.
    """
    old = [op for op in known.ops[: known.forward_end] if op.name != _DETACH]
    new = [op for op in ops if op.name != _DETACH]
    if [op.name for op in old] != [op.name for op in new]:
        return None
    return list(zip(old, new, strict=True))


def _trace(model: LoadedModel, *, train: bool, backward: bool, seed: int, with_lines: bool) -> Trace:
    captured = capture_step(model, train=train, backward=backward, seed=seed, with_lines=with_lines)
    scene, cores = understand(captured.ops, captured.tensors, captured.forward_end)
    cores = merged(scene, cores)
    classes = {name: type(module).__name__ for name, module in model.module.named_modules()}
    sites, parts = assemble(scene, cores, classes)
    between = streams(scene, cores, sites)
    sites, facts = structures(scene, cores, sites, between, train=train)
    return Trace(
        ops=captured.ops,
        tensors=captured.tensors,
        events=captured.events,
        sites=sites,
        cores=tuple(cores),
        streams=between,
        structures=facts,
        site_of_op=parts,
        blind_spots=(*_opaque_modules(model.module), *_opaque_ops(captured.ops)),
        module_classes=classes,
        parameters=_parameters(model.module),
        forward_end=captured.forward_end,
        loss_end=captured.loss_end,
        output_storages=captured.output_storages,
        is_fake=model.is_fake,
        train=train,
        backward=backward and captured.loss_end < len(captured.ops),
        seconds=captured.seconds,
        length_dims=_length_dims(scene, cores),
        notes=(f"loss: {captured.loss}",),
    )


def _parameters(module: nn.Module) -> Mapping[str, tuple[tuple[int, ...], str]]:
    return {
        name: (tuple(parameter.shape), str(parameter.dtype).removeprefix("torch."))
        for name, parameter in module.named_parameters()
    }


def _opaque_modules(module: nn.Module) -> Sequence[BlindSpot]:
    """Parts that run outside of Python: their inside has no modules and no lines."""
    found = []
    for name, part in module.named_modules():
        if isinstance(part, torch.jit.ScriptModule):
            reason = "a TorchScript module: its ops are counted, its code is not seen"
            found.append(BlindSpot(module=name, kind="torchscript", reason=reason))
        elif hasattr(part, "_orig_mod"):
            reason = "a compiled module: traced as its uncompiled original"
            found.append(BlindSpot(module=name, kind="compiled", reason=reason))
    outer = tuple(spot.module + "." for spot in found if spot.module)
    return [spot for spot in found if not spot.module.startswith(outer)]


def _opaque_ops(ops: Sequence[Op]) -> Sequence[BlindSpot]:
    """Ops of other libraries: what they compute is not known."""
    found: dict[tuple[str, str], BlindSpot] = {}
    for op in ops:
        if op.phase == "forward" and not op.name.startswith(_KNOWN_LIBRARIES):
            reason = f"the op {op.name} is opaque: what it computes inside is not known"
            found.setdefault(
                (op.name, op.module),
                BlindSpot(module=op.module, kind="opaque_op", reason=reason, location=op.location),
            )
    return tuple(found.values())


def _length_dims(scene: Scene, cores: Sequence[Core]) -> Mapping[str, tuple[int, ...]]:
    """Dims of the inputs along which tokens lie: queries and keys descend from them.

    Samples and features are left out; so are pictures and spectrograms when there are token ids beside them,
    since these are what users mean by the length.
    """
    reached: set[int] = set()
    others: set[int] = set()
    for core in cores:
        for tensor in (core.query, core.key, core.value):
            if tensor is not None:
                reached |= _roots(scene, scene.label(tensor).dims)
    for contraction in scene.contractions.values():
        if scene.is_weight(contraction.lhs) or scene.is_weight(contraction.rhs):
            others |= _roots(scene, (*contraction.lhs_contracted, *contraction.rhs_contracted))
    shapes = {t.origin: t for t in scene.tensors if t.origin.startswith("input:")}
    found: dict[str, set[int]] = {}
    for axis in (scene.axes.all[root] for root in reached - others):
        if axis.kind == "input" and not (axis.dim == 0 and _has_samples(shapes[axis.source])):
            found.setdefault(axis.source.removeprefix("input:"), set()).add(axis.dim)
    ids = {name for name in found if "int" in shapes[f"input:{name}"].dtype}
    return {name: tuple(sorted(dims)) for name, dims in sorted(found.items()) if name in ids or not ids}


def _has_samples(tensor: Tensor) -> bool:
    """Whether the first dim of an input counts samples: ids [B, S], features [B, S, E]; not a lone [S, E]."""
    return len(tensor.shape) >= 3 or (len(tensor.shape) == 2 and "float" not in tensor.dtype)


def _roots(scene: Scene, dims: Sequence[Dim]) -> set[int]:
    return {root for dim in dims for root in scene.axes.roots(dim)}
