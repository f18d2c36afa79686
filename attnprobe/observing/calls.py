"""What watchers are shown: one attention of one batch, its rows, its gradients."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from attnprobe.observing.maps import AttentionMap
from attnprobe.records import AttentionSite, LoadedModel, Trace


@dataclass(slots=True, kw_only=True)
class Batch:
    """One call of the model."""

    number: int
    model: LoadedModel  # with this batch's inputs; after the loss' backward its parameters have gradients
    outputs: Any = None  # what the forward returned
    main_output: Tensor | None = None  # the first floating tensor of it that is no scalar; of the directions
    loss: float | None = None
    loss_origin: str = ""  # "given", "the model's own", "a fixed random projection …"
    padding: tuple[Tensor, ...] = ()  # bool [B, S] for each input with padded positions, True for real tokens
    directions: int = 0  # how many random directions were differentiated
    trace: Trace | None = None  # that the forward followed
    notes: tuple[str, ...] = ()  # what could not be done


@dataclass(slots=True, kw_only=True)
class AttentionCall:
    """One attention of one batch. Tensors are views of the model's own: nobody writes into them.

    N counts samples and, within them, windows. Tensors are None where their layout could not be told.
    """

    site: AttentionSite
    index: int  # into `Trace.sites`
    batch: Batch
    query: Tensor | None = None  # [N, H, L, D]
    key: Tensor | None = None  # [N, G, S, D]
    value: Tensor | None = None  # [N, G, S, Dv]
    output: Tensor | None = None  # [N, H, L, Dv]
    map: AttentionMap | None = None
    missing: str = ""  # why there is no map
    group_of_head: tuple[int, ...] = ()  # which of the G key-value heads each query head uses
    samples: int = 1
    windows: int = 1
    query_tokens: Tensor | None = None  # bool [N, L], False for padding; None: all real, or not known
    key_tokens: Tensor | None = None  # bool [N, S]


@dataclass(frozen=True, slots=True)
class RowBlock:
    """Some queries of one call with everything that their rows of the map hold."""

    index: Tensor  # positions of the queries, [b]
    probabilities: Tensor  # fp32 [N, H, b, S]
    logits: Tensor | None  # as they enter the normaliser, fp32, -inf where hidden
    visible: Tensor  # bool [N or 1, H or 1, b, S]
    valid: Tensor  # bool [N, b]: False for padded queries and those that see no key


@dataclass(frozen=True, slots=True)
class Gradients:
    """Of the loss for a site's tensors, laid out as in `AttentionCall`; None where there is none."""

    query: Tensor | None = None
    key: Tensor | None = None
    value: Tensor | None = None
    output: Tensor | None = None


@dataclass(frozen=True, slots=True)
class StreamTensors:
    """Hidden states round a site, [B, S, E] or a view of it; see `records.Stream`."""

    entry: Tensor | None = None
    read: Tensor | None = None
    branch: Tensor | None = None
    exit: Tensor | None = None
