"""Where a site stands between the layers: what it starts from, what it adds, and to what.

entry ─ norm ─ read ─ projections ─ core ─ projection, dropout, scale ─ branch
  └──────────────────────────────────────────────────────────────────── + ─ exit
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from attnprobe.records import AttentionSite, Core, Stream
from attnprobe.tracing.assembling.post_norm import normalised
from attnprobe.tracing.assembling.residuals import Branch, follow, has_no_residual
from attnprobe.tracing.assembling.stream_ops import before_views, is_inside, is_normalisation, is_projection
from attnprobe.tracing.assembling.upstream import upstream
from attnprobe.tracing.reading.scene import Scene

_UNKNOWN = Stream(entry=None, read=None, branch=None, exit=None, has_residual=None, norm="none")
_LONGEST = 60


def streams(scene: Scene, cores: Sequence[Core], sites: Sequence[AttentionSite]) -> tuple[Stream, ...]:
    """One per site; fields are None where they were not found."""
    return tuple(_stream(scene, core, site.module) for core, site in zip(cores, sites, strict=True))


def _stream(scene: Scene, core: Core, module: str) -> Stream:
    first = (core.parts or (core,))[0]
    if first.query is None or not scene.is_data(first.query):
        return _UNKNOWN
    read = _read(scene, first.query, module)
    if read is None:
        return _UNKNOWN
    above = upstream(scene, *read)
    found = follow(scene, core, module, above)
    shown = _hidden_states(scene, *read)
    if found.entry is None:
        entry = _before_norm(scene, *read)
        has_residual = False if has_no_residual(scene, core, module, read[0]) else None
        return Stream(
            entry=shown if entry is None else entry,
            read=shown,
            branch=found.branch,
            exit=None,
            has_residual=has_residual,
            norm=_norm(before=entry is not None, after=found.is_normalised),
        )
    before = above.has_norm_after(found.entry)
    end, is_normalised = _exit(scene, found, has_norm=before)
    return Stream(
        entry=found.entry,
        read=shown,
        branch=found.branch,
        exit=end,
        has_residual=True,
        norm=_norm(before=before, after=found.is_normalised or is_normalised),
    )


def _norm(*, before: bool, after: bool) -> Literal["pre", "post", "both", "none"]:
    if before:
        return "both" if after else "pre"
    return "post" if after else "none"


def _read(scene: Scene, query: int, module: str) -> tuple[int, int] | None:
    """The data that the projection of the queries multiplies, and that op.

    Within the site's module the walk goes on: a low-rank query is projected twice.
    """
    found: tuple[int, int] | None = None
    tensor, before = query, None
    for _ in range(_LONGEST):
        op = scene.maker(tensor, before)
        if op is None or not op.inputs:
            return found
        if found is not None and not (module and is_inside(op.module, module)):
            return found
        data = next((t for t in op.inputs if scene.is_data(t)), None)
        if data is None:
            return found
        if is_projection(scene, op):
            found = (data, op.index)
        tensor, before = data, op.index
    return found


def _hidden_states(scene: Scene, tensor: int, before: int) -> int:
    """The tensor [B, S, E] of which a projection's operand is a view; the operand itself if there is none."""
    shape = scene.tensors[tensor].shape
    chain = before_views(scene, tensor, before)
    fitting = [t for t in chain if len(s := scene.tensors[t].shape) == 3 and s[-1] == shape[-1]]
    return fitting[-1] if fitting else tensor


def _before_norm(scene: Scene, tensor: int, before: int) -> int | None:
    """What enters a normalisation that stands right before the projections."""
    last = before_views(scene, tensor, before)[-1]
    op = scene.maker(last, before)
    return op.inputs[0] if op is not None and is_normalisation(op) else None


def _exit(scene: Scene, found: Branch, *, has_norm: bool) -> tuple[int | None, bool]:
    """The sum, or the normalisation of it when nothing else reads the sum; None when written in place."""
    if found.sum is None or found.sum in (found.entry, found.branch):
        return None, False
    normed = None if has_norm else normalised(scene, found.sum)
    return (found.sum, False) if normed is None else (normed, True)
