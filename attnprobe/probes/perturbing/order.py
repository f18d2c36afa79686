"""Does the order of the tokens matter at all?"""

from __future__ import annotations

import torch
from torch import Tensor

from attnprobe.probes.perturbing.changing import changed_from, content, counts, reordered
from attnprobe.probes.perturbing.doubled import in_double_precision
from attnprobe.probes.perturbing.metrics import POSITION_BLINDNESS
from attnprobe.probes.perturbing.results import why_missing
from attnprobe.probes.perturbing.runs import difference
from attnprobe.probes.perturbing.short_inputs import Short
from attnprobe.records import Measurement, ProbeResult
from attnprobe.resizing import input_tensors

_SMALL = 0.05  # below: may be rounding, in a small floating dtype


def position_blindness(short: Short) -> ProbeResult:
    """‖f(Px) − P f(x)‖ / ‖f(x)‖, the smallest over the inputs of ids."""
    metrics = (POSITION_BLINDNESS,)
    if not any(site.role == "self" for site in short.trace.sites):
        return why_missing(metrics, "the model has no self-attention")
    ids = {
        name: tensor
        for name, tensor in content(short.model).items()
        if name in short.token_dims and not tensor.is_floating_point()
    }
    if not ids:
        return why_missing(metrics, "no input holds token ids: other inputs carry their place in themselves")
    found: dict[str, float] = {}
    reasons = []
    for name, tensor in ids.items():
        reason = _obstacle(short, name) or _unfollowed(short, name) or _unread(short, name)
        if reason:
            reasons.append(reason)
        elif tensor.shape[short.token_dims[name]] > 2:
            found[name] = _difference(short, name)
    exact = in_double_precision(short) if min(found.values(), default=1.0) < _SMALL else None
    if exact is not None:
        found = {name: _difference(exact, name) for name in found}
    if not found:
        return why_missing(metrics, reasons[0] if reasons else "too few tokens to put in another order")
    value = min(found.values())
    notes: tuple[str, ...] = ()
    if len(found) > 1:
        each = ", ".join(f"{name} {own:.3g}" for name, own in found.items())
        notes = (f"Difference that the order of the tokens makes, by input: {each}.",)
    measured = Measurement(metric=POSITION_BLINDNESS.name, site="", value=value)
    return ProbeResult(measurements=(measured,), notes=notes)


def _obstacle(short: Short, name: str) -> str:
    """What besides the ids would have to be reordered: a mask that hides some tokens, token types."""
    tensors = input_tensors(short.model)
    dim = short.token_dims[name]
    size = tensors[name].shape[dim]
    for other, tensor in tensors.items():
        if other == name or tensor.dim() <= dim or tensor.shape[dim] != size or tensor.is_floating_point():
            continue
        if not counts(tensor) and _varies(tensor, dim) and other not in content(short.model):
            return f"its input {other} differs from token to token"
    return ""


def _unread(short: Short, name: str) -> str:
    """Whether other content moves the output at all: what it does not read has no order for it."""
    dim = short.token_dims[name]
    moved = short.run(changed_from(short.model, {name: dim}, 0, short.seed)).output
    base = short.base.output
    if base is None or moved is None or moved.shape != base.shape:
        return f"its output takes another shape with other {name}"
    return "" if difference(moved, base) > short.limit else f"its first output does not read {name}"


def _varies(tensor: Tensor, dim: int) -> bool:
    return bool((tensor != tensor.narrow(dim, 0, 1)).any())


def _unfollowed(short: Short, name: str) -> str:
    """Why the expected output is not known: the output has tokens, but of which input is not."""
    output = short.base.output
    if output is None:
        return "the model gives back no floating tensor"
    size = input_tensors(short.model)[name].shape[short.token_dims[name]]
    return short.why_not if short.output_dim is None and size in output.shape[1:] else ""


def _difference(short: Short, name: str) -> float:
    base, dim = short.base.output, short.token_dims[name]
    assert base is not None
    size = input_tensors(short.model)[name].shape[dim]
    order = torch.randperm(size, generator=torch.Generator().manual_seed(short.seed))
    moved = short.run(reordered(short.model, {name: dim}, order)).output
    assert moved is not None
    is_followed = name in short.followed and short.output_dim is not None
    expected = base.index_select(short.output_dim or 0, order.to(base.device)) if is_followed else base
    return difference(moved, expected)
