"""Hidden states handed to a watcher, as the instrumented run would."""

from __future__ import annotations

import torch
from torch import Tensor

from attnprobe.observing.calls import AttentionCall, Batch, StreamTensors
from attnprobe.observing.watcher import Watcher
from attnprobe.records import Stream, Subject
from tests.probes.captured import loaded
from tests.probes.hand_traces import Sketch, attention_site, dot_product


def show(
    watcher: Watcher, *, real: Tensor | None = None, site: int = 0, samples: int = 2, **states: Tensor
) -> Watcher:
    """One site of one batch: entry, branch and exit by name, bool `real` [B, T]."""
    call = AttentionCall(
        site=attention_site(dot_product(score_ops=())),
        index=site,
        batch=Batch(number=0, model=loaded(torch.nn.Identity())),
        samples=samples,
        query_tokens=real,
    )
    with torch.no_grad():
        watcher.stream(call, StreamTensors(**states))
    return watcher


def subject_of(*streams: Stream, **watched: Watcher) -> Subject:
    """A subject after a run, with one site "h.N.attn" per stream."""
    sketch = Sketch()
    for number, _ in enumerate(streams):
        sketch.site(dot_product(score_ops=()), {}, id=f"h.{number}.attn", module=f"h.{number}.attn")
    subject = sketch.subject(streams=streams)
    subject.watched = watched
    return subject


def stream(*, has_residual: bool = True, entry: int | None = 1, branch: int | None = 2) -> Stream:
    """A stream of a pre-norm layer with everything found but what is set to None."""
    return Stream(entry=entry, read=entry, branch=branch, exit=3, has_residual=has_residual, norm="pre")
