"""The model on inputs that are short and hold more than one sample; which dims count what."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from torch import Tensor

from attnprobe.errors import ModelError
from attnprobe.observing.run import with_sites_of
from attnprobe.probes.perturbing.changing import content, joined_by_another
from attnprobe.probes.perturbing.metrics import MAX_TOKENS
from attnprobe.probes.perturbing.runs import Run, run
from attnprobe.records import LoadedModel, Subject, Trace
from attnprobe.resizing import input_tensors, resized, with_changed

_LENGTHS = (61, 64, 59, 48, 32)  # primes first: hardly the size of anything else
_CUT = 3
_MOST_BYTES = 2**28  # of what all attentions read and write; beyond, they are not looked at
_FAMILIES = ("decoder", "tgt", "target", "encoder", "src")


@dataclass(slots=True)
class Short:
    """The model, ready for short runs, and its first one."""

    model: LoadedModel
    trace: Trace
    seed: int
    base: Run  # what it gives on these inputs
    samples: int | None  # along dim 0 of the inputs; None where they have no such dim
    token_dims: dict[str, int]  # inputs with one dim of tokens
    followed: tuple[str, ...]  # those that the outputs follow token by token
    output_dim: int | None  # the dim of the output that does
    why_not: str = ""  # why no dim of the output is known to follow tokens

    def run(self, model: LoadedModel, *, with_sites: bool = False) -> Run:
        """Run on other inputs under the same seed."""
        return run(model, self.trace if with_sites else None, self.seed)

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


def shortened(subject: Subject) -> Short:
    """Inputs cut and joined by another sample, as far as the model runs on them.

    Raises:
        ModelError: It runs on none, not even on its own.
    """
    assert subject.model is not None
    model, trace = replace(subject.model, batches=(), loss_inputs=()), subject.trace
    seed, own_samples = subject.options.seed, _samples(subject.model, trace)
    found, errors = None, []
    for candidate in _candidates(model, trace, seed):
        samples, is_seen = _samples(candidate, trace), _bytes_of_sites(candidate, trace) <= _MOST_BYTES
        is_known = samples == own_samples  # a trace of a lone sample does not say which dims count samples
        try:
            first = run(candidate, trace if is_seen and is_known else None, seed)
        except ModelError as error:
            errors.append(error)
            continue
        found = Short(candidate, trace, seed, first, samples, {}, (), None)
        _find_tokens(found)
        if found.output_dim is not None or not _is_ambiguous(found):
            break
    if found is None:
        raise errors[0]
    if _bytes_of_sites(found.model, trace) <= _MOST_BYTES and not found.base.sites:
        _see_sites(found, subject.trace_of)
    return found


def _see_sites(short: Short, trace_of: Callable[[LoadedModel], Trace] | None) -> None:
    """Run once more under the eyes of an observer, with a trace of these very inputs where one can be had."""
    if trace_of is not None:
        try:
            short.trace = with_sites_of(short.trace, trace_of(short.model))
        except ModelError as error:
            short.base.lost = error.message
            return
    short.base = short.run(short.model, with_sites=True)


def _candidates(model: LoadedModel, trace: Trace, seed: int) -> Iterator[LoadedModel]:
    """The best first; the model as it was given last."""
    for cut in (*_cut(model, trace), model):
        samples = _samples(cut, trace)
        if samples == 1:
            yield joined_by_another(cut, 1, _without_samples(trace), seed + 1)
        yield cut


def _cut(model: LoadedModel, trace: Trace) -> Iterator[LoadedModel]:
    length = trace.seq_len
    if length is None:
        return
    if length <= MAX_TOKENS:
        yield model
    shorter = _LENGTHS if length > MAX_TOKENS else (length - 1, length - 2)
    for size in shorter:
        if size > 1:
            yield resized(model, trace.length_dims, length, size)


def _without_samples(trace: Trace) -> frozenset[str]:
    return frozenset(name for name, dims in trace.length_dims.items() if 0 in dims)


def _samples(model: LoadedModel, trace: Trace) -> int | None:
    """Size of dim 0 of the first input with content that has samples."""
    return next(
        (
            tensor.shape[0]
            for name, tensor in content(model).items()
            if tensor.dim() > 1 and name not in _without_samples(trace)
        ),
        None,
    )


def _bytes_of_sites(model: LoadedModel, trace: Trace) -> float:
    """Of queries, keys, values and outputs of all attentions in one run."""
    tensors = input_tensors(model)
    sizes = [tensors[n].shape[dim] for n, dims in trace.length_dims.items() if n in tensors for dim in dims]
    ratio = max(sizes, default=0) / trace.seq_len if trace.seq_len and sizes else 1.0
    return ratio * sum(
        4
        * site.batch
        * (site.num_heads * site.q_len + site.num_kv_heads * site.kv_len)
        * (site.head_dim + site.value_dim)
        for site in trace.sites
    )


def _is_ambiguous(short: Short) -> bool:
    """Whether another length may tell what this one does not."""
    output = short.base.output
    sizes = {tensor.shape[short.token_dims[n]] for n, tensor in _tokens(short).items()}
    return output is not None and sum(size in sizes for size in output.shape[_first(short) :]) > 1


def _first(short: Short) -> int:
    """The first dim of the output that may count tokens."""
    output = short.base.output
    return int(output is not None and short.samples is not None and output.shape[0] == short.samples)


def _tokens(short: Short) -> dict[str, Tensor]:
    tensors = input_tensors(short.model)
    return {name: tensors[name] for name in short.token_dims if name in tensors}


def _find_tokens(short: Short) -> None:
    """Fill in which inputs have tokens, and which of them the output follows."""
    dims = short.trace.length_dims
    short.token_dims = {name: own[0] for name, own in dims.items() if len(own) == 1}
    short.token_dims = {
        name: dim for name, dim in short.token_dims.items() if name in input_tensors(short.model)
    }
    if not short.token_dims:
        short.why_not = "no input has one dimension along which tokens lie"
        return
    if short.base.output is None:
        short.why_not = "the model gives back no floating tensor"
        return
    sizes = {name: tensor.shape[short.token_dims[name]] for name, tensor in _tokens(short).items()}
    first, shape = _first(short), short.base.output.shape
    for size in dict.fromkeys(sizes.values()):
        names = tuple(name for name in sizes if sizes[name] == size)
        fitting = [dim for dim in range(first, len(shape)) if shape[dim] == size]
        followed = names if len(names) == 1 else _followed(short, names)
        if len(fitting) == 1 and followed:
            short.followed, short.output_dim = followed, fitting[0]
            return
    short.why_not = f"which dimension of its output {list(shape)} counts tokens cannot be told"


def _followed(short: Short, names: tuple[str, ...]) -> tuple[str, ...]:
    """Of inputs of one length, those with which the output shortens: each alone, or with its family."""
    return tuple(name for name in names if _shortens(short, name))


def _shortens(short: Short, name: str) -> bool:
    assert short.base.output is not None
    tokens = input_tensors(short.model)[name].shape[short.token_dims[name]]
    if tokens <= _CUT:
        return False
    for is_meant in (lambda other: other == name, lambda other: _family(other) == _family(name)):
        dim = short.token_dims[name]

        def cut(other: str, tensor: Tensor, is_meant=is_meant, dim=dim) -> Tensor:  # type: ignore[no-untyped-def]
            fits = is_meant(other) and tensor.dim() > dim and tensor.shape[dim] == tokens
            return tensor.narrow(dim, 0, tokens - _CUT) if fits else tensor

        try:
            output = short.run(with_changed(short.model, cut)).output
        except ModelError:
            continue
        return (
            output is not None and tokens - _CUT in output.shape and output.shape != short.base.output.shape
        )
    return False


def _family(name: str) -> str:
    return next((word for word in _FAMILIES[:3] if name.startswith(word)), "")
