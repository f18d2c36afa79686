"""Do earlier outputs move when later tokens change?"""

from __future__ import annotations

import torch
from torch import Tensor

from attnprobe.observing.observer import Held
from attnprobe.observing.padding import paddings, tokens_of
from attnprobe.probes.perturbing.changing import changed_from, content
from attnprobe.probes.perturbing.locating import Change, located
from attnprobe.probes.perturbing.metrics import FUTURE_LEAK, FUTURE_LEAK_START
from attnprobe.probes.perturbing.results import why_missing
from attnprobe.probes.perturbing.runs import Run, largest_difference
from attnprobe.probes.perturbing.short_inputs import Short
from attnprobe.probes.perturbing.starting import Cut, row_dim
from attnprobe.records import AttentionSite, Measurement, ProbeResult


def future_leak(short: Short) -> ProbeResult:
    """The change of outputs before t, and the attention that lets it through."""
    metrics = (FUTURE_LEAK, FUTURE_LEAK_START)
    if short.output_dim is None:
        return why_missing(metrics, short.why_not)
    names = [name for name in short.followed if name in content(short.model)]
    if not names:
        return why_missing(metrics, "the inputs that its outputs follow hold no content to change")
    if short.length < 2:
        return why_missing(metrics, "one token has no future")
    dims = {name: short.token_dims[name] for name in names}
    leaks: list[float] = []
    changes: list[Change] = []
    for place in _places(short.length):
        changed = changed_from(short.model, dims, place, short.seed + place)
        leaks.append(_leak(short, short.run(changed), place))
        if leaks[-1] > short.limit:
            changes.append(Change(changed, _before(place, short.length), short.seed))
    found = Measurement(metric=FUTURE_LEAK.name, site="", value=max(leaks))
    return located(short, found, FUTURE_LEAK_START, changes, "a later token moves earlier positions")


def _places(length: int) -> tuple[int, ...]:
    """The first token that changes: right at the start, in the middle, at the end."""
    return tuple(sorted({1, max(length // 3, 1), max(2 * length // 3, 1), length - 1}))


def _leak(short: Short, run: Run, place: int) -> float:
    assert run.output is not None
    assert short.base.output is not None
    assert short.output_dim is not None
    dim = short.output_dim
    new, old = (
        _tokens(short, output, dim).narrow(dim, 0, place) for output in (run.output, short.base.output)
    )
    return largest_difference(new, old, tuple(sorted({dim, 0} if dim else {dim})))


def _tokens(short: Short, output: Tensor, dim: int) -> Tensor:
    """The output with zeros at padded positions: what stands there is read by nobody."""
    if dim != 1 or output.dim() < 2:
        return output
    real = tokens_of(paddings(short.model), output.shape[0], output.shape[1])
    if real is None:
        return output
    shape = (*real.shape, *(1 for _ in output.shape[2:]))
    return torch.where(real.to(output.device).view(shape), output, 0.0)


def _before(place: int, length: int) -> Cut:
    def cut(site: AttentionSite, role: str, held: Held) -> Tensor | None:
        """Rows before the place; all keys and values of another sequence."""
        if role in ("key", "value") and site.role == "cross":
            return held.tensor
        dim = row_dim(held, role)
        if dim is None or held.tensor.shape[dim] != length:
            return None
        return held.tensor.narrow(dim, 0, place)

    return cut
