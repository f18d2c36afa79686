"""One run: the first output, and what every attention read and wrote."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from attnprobe import running
from attnprobe.observing.backward import main_output
from attnprobe.observing.observer import Held, Observer, SiteTensors
from attnprobe.records import LoadedModel, Trace

_INPUTS = ("query", "key", "value")
_ROLES = (*_INPUTS, "output")

Parts = dict[str, list[Held]]  # role -> the parts of a core


@dataclass(slots=True)
class Run:
    """What one run left behind."""

    output: Tensor | None
    sites: dict[int, Parts] = field(default_factory=dict)  # in the order in which they ran
    lost: str = ""  # why the sites were not seen


def run(model: LoadedModel, trace: Trace | None, seed: int) -> Run:
    """One forward under a seed of its own; the random state of the process stays.

    Args:
        trace: Of the same model, to see its attentions; None: they are not wanted.

    Raises:
        ModelError: The forward raised.
    """
    sites: dict[int, Parts] = {}

    def keep(tensors: SiteTensors) -> None:
        sites[tensors.index] = {
            role: [Held(part.tensor.detach().clone(), part.operand) for part in parts if part is not None]
            for role, parts in tensors.held.items()
            if role in _ROLES and all(part is not None for part in parts)
        }

    with torch.no_grad(), torch.random.fork_rng(), _in_evaluation_mode(model.module):
        torch.manual_seed(seed)
        if trace is None:
            return Run(_kept(running.forward(model)))
        with Observer(trace, on_site=keep) as observer:
            outputs = running.forward(model)
    return Run(_kept(outputs), {} if observer.lost else sites, observer.lost)


def _kept(outputs: object) -> Tensor | None:
    found = main_output(outputs)
    return None if found is None else found.detach().clone()


@contextmanager
def _in_evaluation_mode(module: nn.Module) -> Iterator[None]:
    training = [part for part in module.modules() if part.training]
    try:
        for part in training:
            part.training = False
        yield
    finally:
        for part in training:
            part.training = True


def difference(new: Tensor, old: Tensor) -> float:
    """‖new − old‖ / ‖old‖. NaN is equal to NaN; what became NaN or infinite counts as a change of 1."""
    if not old.numel():
        return 0.0
    gap, size = _gap(new, old), old.double().nan_to_num(0.0, 0.0, 0.0).norm()
    return float(gap.norm() / size) if size > 0 else float(gap.norm())


def largest_difference(new: Tensor, old: Tensor, dims: tuple[int, ...]) -> float:
    """max over the entries of some dims of ‖new − old‖ / mean ‖old‖, norms over the other dims."""
    if not old.numel():
        return 0.0
    others = tuple(d for d in range(old.dim()) if d not in dims)
    gap, sizes = _gap(new, old), old.double().nan_to_num(0.0, 0.0, 0.0)
    if others:
        gap, sizes = torch.linalg.vector_norm(gap, dim=others), torch.linalg.vector_norm(sizes, dim=others)
    mean = sizes.abs().mean()
    return float(gap.abs().max() / mean) if mean > 0 else float(gap.abs().max())


def _gap(new: Tensor, old: Tensor) -> Tensor:
    new, old = new.double(), old.double()
    is_same = (new == old) | (new.isnan() & old.isnan())
    scale = float(old.nan_to_num(0.0, 0.0, 0.0).abs().max()) or 1.0
    return torch.where(is_same, 0.0, new - old).nan_to_num(scale, scale, -scale)
