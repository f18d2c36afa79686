"""Along which dims of inputs and output tokens lie, and which inputs the output follows."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from torch import Tensor

from attnprobe.errors import ModelError
from attnprobe.probes.perturbing.short_inputs import Short
from attnprobe.resizing import input_tensors, with_changed

_MOST = 4  # lengths that are tried until one tells
_CUT = 3
_FAMILIES = ("decoder", "tgt", "target")


def best_of(candidates: Iterator[Short]) -> Short:
    """The first of which it is known how the output follows the inputs' tokens; else the first.

    Raises:
        ModelError: The model runs on none of them.
    """
    first: Short | None = None
    for short in islice(candidates, _MOST):
        _find_tokens(short)
        if short.output_dim is not None or not _is_ambiguous(short):
            return short
        first = first or short
    assert first is not None
    return first


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
    tensors = input_tensors(short.model)
    short.token_dims = {n: own[0] for n, own in short.length_dims.items() if len(own) == 1 and n in tensors}
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
    return next((word for word in _FAMILIES if name.startswith(word)), "")
