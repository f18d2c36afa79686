"""Cores become sites: named, located, grouped."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from operator import attrgetter

from attnprobe.name_patterns import common_pattern
from attnprobe.records import AttentionSite, Component, Core, Location, MaskSummary
from attnprobe.tracing.assembling.projections import Surroundings, surroundings
from attnprobe.tracing.reading.scene import Scene

ROOT = "(model)"


def assemble(
    scene: Scene, cores: Sequence[Core], module_classes: Mapping[str, str]
) -> tuple[tuple[AttentionSite, ...], dict[int, tuple[int, Component]]]:
    """One site per core, and which part of which site each forward op is."""
    places = [_place(scene, core) for core in cores]
    ids = _ids(places)
    sites: list[AttentionSite] = []
    parts: dict[int, tuple[int, Component]] = {}
    for number, (core, (module, call)) in enumerate(zip(cores, places, strict=True)):
        around = surroundings(scene, core, module)
        sites.append(_site(scene, core, ids[number], module, call, around, module_classes))
        for index in core.inner_ops:
            parts[index] = (number, "masks" if scene.ops[index].mask is not None else "normaliser")
        parts.update(dict.fromkeys(core.value_ops, (number, "values")))
        parts.update(dict.fromkeys(core.score_ops, (number, "scores")))
        for index, part in around.ops.items():
            parts.setdefault(index, (number, part))
    return _grouped(sites), parts


def _place(scene: Scene, core: Core) -> tuple[str, int]:
    """The module that holds a core: the innermost one round its products, widened to hold its projections.

    It is widened only to the parent of a module that has no parameters of its own in the core's path, as when
    the product of queries and keys has a module to itself.
    """
    ops = [scene.ops[i] for i in (*core.score_ops, *core.value_ops)]
    module = _called(scene, _common([op.module for op in ops]))
    operands = [t for t in (core.query, core.key, core.value) if t is not None]
    makers = [m for t in operands if (m := _projection_module(scene, t))]
    if module and makers and not any(m == module or m.startswith(module + ".") for m in makers):
        parent = _common([module, *makers])
        if parent and module.count(".") - parent.count(".") <= 2:
            return parent, _call_of(scene, parent, ops[0].index)
    return module, ops[0].call if ops[0].module == module else _call_of(scene, module, ops[0].index)


def _called(scene: Scene, module: str) -> str:
    """The innermost module round a name that runs ops of its own: a list of modules is never called."""
    while module and module not in scene.modules:
        module = module.rpartition(".")[0]
    return module


def _projection_module(scene: Scene, tensor: int) -> str:
    before: int | None = None
    for _ in range(25):
        op = scene.maker(tensor, before)
        if op is None or not op.inputs:
            return ""
        if op.index in scene.contractions and any(scene.is_weight(t) for t in op.inputs):
            return op.module
        tensor, before = next((t for t in op.inputs if scene.is_data(t)), op.inputs[0]), op.index
    return ""


def _common(modules: Sequence[str]) -> str:
    parts = [module.split(".") if module else [] for module in modules]
    shared: list[str] = []
    for names in zip(*parts, strict=False):
        if len(set(names)) > 1:
            break
        shared.append(names[0])
    return ".".join(shared)


def _call_of(scene: Scene, module: str, index: int) -> int:
    """The number of the module's own call during which an op ran: that of its last own op before."""
    for op in reversed(scene.ops[: index + 1]):
        if op.module == module:
            return op.call
    return 0


def _ids(places: Sequence[tuple[str, int]]) -> list[str]:
    calls: dict[str, list[int]] = defaultdict(list)
    for module, call in places:
        if call not in calls[module]:
            calls[module].append(call)
    seen: Counter[tuple[str, int]] = Counter()
    ids = []
    for module, call in places:
        name = module or ROOT
        turn = calls[module].index(call)
        ordinal = seen[module, call]
        seen[module, call] += 1
        ids.append(name + (f"#{turn}" if turn else "") + (f":{ordinal}" if ordinal else ""))
    return ids


def _site(
    scene: Scene,
    core: Core,
    name: str,
    module: str,
    call: int,
    around: Surroundings,
    classes: Mapping[str, str],
) -> AttentionSite:
    masks = [mask for i in core.mask_ops if (mask := scene.ops[i].mask) is not None]
    is_causal, left, right, share = _visibility(core, masks)
    return AttentionSite(
        id=name,
        module=module,
        module_class=classes.get(module, ""),
        call=call,
        mechanism=core.mechanism,
        normaliser=core.normaliser,
        role=core.role,
        kernel=core.kernel,
        num_heads=core.num_heads,
        num_kv_heads=core.num_kv_heads,
        head_dim=core.head_dim,
        value_dim=core.value_dim,
        batch=core.batch,
        windows=core.windows,
        q_len=core.q_len,
        kv_len=core.kv_len,
        is_causal=is_causal,
        window_left=left,
        window_right=right,
        visible_share=share,
        scale=core.scale,
        dropout=core.dropout,
        projections=around.parameters,
        projection_rows=around.rows,
        location=_location(scene, core),
        group=name,
        notes=core.notes,
    )


def _visibility(
    core: Core, masks: Sequence[MaskSummary]
) -> tuple[bool | None, int | None, int | None, float | None]:
    """What the mask and the causal flag together let through."""
    if core.role in ("channel", "spatial", "external"):
        return False, None, None, 1.0
    is_causal = core.is_causal_flag or any(mask.is_causal for mask in masks)
    lefts = [mask.window_left for mask in masks if mask.window_left is not None]
    rights = [mask.window_right for mask in masks if mask.window_right is not None]
    shares = [mask.visible_share for mask in masks]
    if core.is_causal_flag:
        shares.append(_causal_share(core.q_len, core.kv_len))
    right = min(rights, default=None)
    if is_causal:
        right = 0 if lefts else None
    return (
        is_causal,
        min(lefts) if lefts else None,
        right,
        min(shares) if shares else 1.0,
    )


def _causal_share(q_len: int, kv_len: int) -> float:
    """Visible share under SDPA's causal flag, which is aligned at the first key: key j <= query i."""
    square = min(q_len, kv_len)
    visible = square * (square + 1) // 2 + (q_len - square) * kv_len
    return visible / (q_len * kv_len) if q_len and kv_len else 1.0


def _location(scene: Scene, core: Core) -> Location | None:
    return next((scene.ops[i].location for i in core.score_ops if scene.ops[i].location is not None), None)


def _grouped(sites: Sequence[AttentionSite]) -> tuple[AttentionSite, ...]:
    """Give sites that are alike but for the numbers in their names one group name."""
    members: dict[tuple[object, ...], list[int]] = defaultdict(list)
    for number, site in enumerate(sites):
        members[_signature(site)].append(number)
    groups: dict[int, str] = {}
    for numbers in members.values():
        name = common_pattern([sites[n].id for n in numbers])
        groups.update(dict.fromkeys(numbers, name))
    return tuple(replace(site, group=groups[number]) for number, site in enumerate(sites))


def _signature(site: AttentionSite) -> tuple[object, ...]:
    facts = attrgetter(
        *("module_class", "mechanism", "normaliser", "role", "kernel", "num_heads", "num_kv_heads"),
        *("head_dim", "value_dim", "batch", "windows", "q_len", "kv_len", "is_causal"),
        *("window_left", "window_right", "scale", "dropout"),
    )
    return (re.sub(r"\d+", "*", site.id), *facts(site))
