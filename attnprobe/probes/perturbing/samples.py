"""Does a sample's output move when only other samples change?"""

from __future__ import annotations

import torch
from torch import Tensor

from attnprobe.errors import ModelError
from attnprobe.observing.observer import Held
from attnprobe.probes.perturbing.changing import changed_from, content, joined_by_another, reordered
from attnprobe.probes.perturbing.locating import Change, located
from attnprobe.probes.perturbing.metrics import BATCH_LEAK, BATCH_LEAK_START
from attnprobe.probes.perturbing.results import why_missing
from attnprobe.probes.perturbing.runs import difference
from attnprobe.probes.perturbing.short_inputs import Short
from attnprobe.probes.perturbing.starting import Cut, row_dim, sample_dim
from attnprobe.records import AttentionSite, Measurement, ProbeResult
from attnprobe.resizing import input_tensors

_METRICS = (BATCH_LEAK, BATCH_LEAK_START)
_REORDERED = 64  # of the dtype's steps: what sums in another order may make, through many layers
_MOST = 0.1


def batch_leak(short: Short) -> ProbeResult:
    """The change of sample 0, and the attention that mixes samples.

    Where it turns out that dim 0 counts tokens, `short` is told.
    """
    base, reason = short.base.output, _why_not(short)
    if reason or base is None:
        return why_missing(_METRICS, reason)
    leak = _leak_along(short, 0)
    if leak is None:
        return why_missing(_METRICS, "none of its inputs holds content for each sample")
    cut = _of_first_sample(short.samples or 1)
    if leak > short.limit and _may_be_sequence_first(short):
        lies = _order_matters(short, 0), _order_matters(short, 1)
        if lies == (False, False):
            reason = "which of its dimensions counts samples cannot be told: neither order makes a difference"
            short.leave_tokens_open(reason)
            return why_missing(_METRICS, reason)
        if lies == (True, False):  # positions lie along dim 0, so samples along dim 1
            short.take_tokens_along(0)
            return _sequence_first(short)
        cut = _of_first_row(short.samples or 1)
    found = Measurement(metric=BATCH_LEAK.name, site="", value=leak)
    changed = changed_from(short.model, _carriers(short, 0), 1, short.seed)
    change = Change(changed, cut, short.seed)
    return located(short, found, BATCH_LEAK_START, [change], "other samples move a sample's numbers")


def _why_not(short: Short) -> str:
    base = short.base.output
    if base is None:
        return "the model gives back no floating tensor"
    if short.samples is None:
        return "no input has a dimension of samples"
    if short.samples < 2:
        return "the model runs on a single sample only"
    if base.dim() == 0 or base.shape[0] != short.samples:
        return f"the output {list(base.shape)} has no dimension of {short.samples} samples"
    if list(base.shape).count(short.samples) > 1 and _grows_twice(short):
        return f"the output {list(base.shape)} compares samples with each other on purpose"
    return ""


def _grows_twice(short: Short) -> bool:
    """Whether one more sample makes two dims of the output larger."""
    assert short.samples is not None
    without = {name for name, dims in short.length_dims.items() if 0 in dims}
    try:
        output = short.run(joined_by_another(short.model, short.samples, without, short.seed)).output
    except ModelError:
        return False
    return output is not None and list(output.shape).count(short.samples + 1) > 1


def _leak_along(short: Short, dim: int) -> float | None:
    """Change of the first entry of the output along a dim, when all others of the inputs change."""
    base, dims = short.base.output, _carriers(short, dim)
    if base is None or not dims:
        return None
    moved = short.run(changed_from(short.model, dims, 1, short.seed)).output
    if moved is None or moved.shape != base.shape:
        return None
    return difference(moved.select(dim, 0), base.select(dim, 0))


def _carriers(short: Short, dim: int) -> dict[str, int]:
    base = short.base.output
    assert base is not None
    return {
        name: dim
        for name, tensor in content(short.model).items()
        if tensor.dim() > dim and base.dim() > dim and tensor.shape[dim] == base.shape[dim] > 1
    }


def _may_be_sequence_first(short: Short) -> bool:
    """Whether dim 1 of inputs and output behaves as samples do: its entries do not move each other."""
    leak = _leak_along(short, 1)
    return leak is not None and leak <= short.limit


def _order_matters(short: Short, dim: int) -> bool:
    """Whether another order along a dim gives more than the same outputs in that order."""
    base = short.base.output
    assert base is not None
    size = base.shape[dim]
    order = torch.arange(size, device=base.device).roll(1)
    tensors = content(short.model) if dim else input_tensors(short.model)
    dims = {name: dim for name, tensor in tensors.items() if tensor.dim() > dim and tensor.shape[dim] == size}
    moved = short.run(reordered(short.model, dims, order)).output
    if moved is None or moved.shape != base.shape:
        return True
    limit = max(min(_REORDERED * torch.finfo(base.dtype).eps, _MOST), short.limit)
    return min(difference(moved, base.index_select(dim, order)), difference(moved, base)) > limit


def _sequence_first(short: Short) -> ProbeResult:
    found = Measurement(metric=BATCH_LEAK.name, site="", value=_leak_along(short, 1))
    zeros = [Measurement(metric=BATCH_LEAK_START.name, site=s.id, value=0.0) for s in short.trace.sites]
    note = "Samples were taken to lie along dim 1 of the inputs: positions lie along dim 0."
    return ProbeResult(measurements=(found, *zeros), notes=(note,))


def _of_first_sample(samples: int) -> Cut:
    def cut(site: AttentionSite, role: str, held: Held) -> Tensor | None:
        dim = sample_dim(held, samples)
        return None if dim is None else held.tensor.narrow(dim, 0, held.tensor.shape[dim] // samples)

    return cut


def _of_first_row(samples: int) -> Cut:
    """For an attention that takes samples for tokens."""

    def cut(site: AttentionSite, role: str, held: Held) -> Tensor | None:
        dim = row_dim(held, role)
        is_known = dim is not None and held.tensor.shape[dim] == samples
        return held.tensor.narrow(dim, 0, 1) if is_known and dim is not None else None

    return cut
