"""The model on inputs that are short and hold more than one sample."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace

import torch

from attnprobe.errors import ModelError
from attnprobe.probes.perturbing.changing import content, joined_by_another
from attnprobe.probes.perturbing.metrics import MAX_TOKENS
from attnprobe.probes.perturbing.runs import Run, run
from attnprobe.records import LoadedModel, Subject, Trace
from attnprobe.resizing import input_tensors, resized

_LENGTHS = (61, 64, 59, 48, 32)  # primes first: hardly the size of anything else
_ROUNDING = 2  # of the dtype's steps: what sees no change is usually equal bit by bit
_NOISE = 4  # times the difference between two equal runs

Dims = Mapping[str, tuple[int, ...]]


@dataclass(slots=True)
class Short:
    """The model, ready for short runs, and its first one."""

    model: LoadedModel
    trace: Trace
    trace_of: Callable[[LoadedModel], Trace] | None
    seed: int
    length_dims: Dims
    base: Run  # what it gives on these inputs
    samples: int | None  # along dim 0 of the inputs; None where they have no such dim
    is_joined: bool  # by a sample that the trace does not have
    floor: float = 0.0  # difference between two equal runs
    token_dims: Mapping[str, int] = field(default_factory=dict)  # inputs with one dim of tokens
    followed: tuple[str, ...] = ()  # those that the output follows token by token
    output_dim: int | None = None  # the dim of the output that does
    why_not: str = ""  # why no dim of the output is known to follow tokens

    def run(self, model: LoadedModel) -> Run:
        """Run on other inputs under the same seed."""
        return run(model, None, self.seed)

    @property
    def limit(self) -> float:
        """Differences up to here are no moves."""
        assert self.base.output is not None
        return max(_ROUNDING * torch.finfo(self.base.output.dtype).eps, _NOISE * self.floor)

    def take_tokens_along(self, dim: int) -> None:
        """Tokens lie along this dim of inputs and output, samples along the other one."""
        assert self.base.output is not None
        size = self.base.output.shape[dim]
        names = [n for n, t in content(self.model).items() if t.dim() > dim and t.shape[dim] == size]
        self.token_dims, self.output_dim, self.why_not = dict.fromkeys(names, dim), dim, ""
        self.followed = tuple(names)

    def leave_tokens_open(self, reason: str) -> None:
        """It is not known along which dim tokens lie."""
        self.output_dim, self.followed, self.why_not = None, (), reason

    @property
    def length(self) -> int:
        """Tokens of the inputs that the output follows."""
        if self.base.output is None or self.output_dim is None:
            return 0
        return self.base.output.shape[self.output_dim]


def shortened(subject: Subject) -> Iterator[Short]:
    """Inputs cut and joined by another sample, best first, as far as the model runs on them.

    Raises:
        ModelError: It runs on none, not even on its own.
    """
    assert subject.model is not None
    model = replace(subject.model, batches=(), loss_inputs=())
    trace, seed = subject.trace, subject.options.seed
    dims = trace.length_dims or _ids(model)
    has_run, errors = False, []
    for candidate, is_joined in _candidates(model, dims, seed):
        try:
            first = run(candidate, None, seed)
        except ModelError as error:
            errors.append(error)
            continue
        samples = _samples(candidate, dims)
        has_run = True
        yield Short(candidate, trace, subject.trace_of, seed, dims, first, samples, is_joined)
    if not has_run:
        raise errors[0]


def _ids(model: LoadedModel) -> Dims:
    """Ids [B, S]: their tokens lie along dim 1, also where no attention was found that says so."""
    found = content(model).items()
    return {name: (1,) for name, tensor in found if tensor.dim() == 2 and not tensor.is_floating_point()}


def _candidates(model: LoadedModel, dims: Dims, seed: int) -> Iterator[tuple[LoadedModel, bool]]:
    """The best first; the model as it was given last."""
    without = [name for name, own in dims.items() if 0 in own]
    for cut in (*_cut(model, dims), model):
        if _samples(cut, dims) == 1:
            yield joined_by_another(cut, 1, without, seed + 1), True
        yield cut, False


def _cut(model: LoadedModel, dims: Dims) -> Iterator[LoadedModel]:
    tensors = input_tensors(model)
    sizes = [tensors[name].shape[dim] for name, own in dims.items() if name in tensors for dim in own]
    length = max(sizes, default=0)
    if length <= MAX_TOKENS:
        yield model
    for size in _LENGTHS if length > MAX_TOKENS else (length - 1, length - 2):
        if size > 1:
            yield resized(model, dims, length, size)


def _samples(model: LoadedModel, dims: Dims) -> int | None:
    """Size of dim 0 of the first input with content that has samples."""
    carriers = content(model).items()
    return next((t.shape[0] for name, t in carriers if t.dim() > 1 and 0 not in dims.get(name, ())), None)
