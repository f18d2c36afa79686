"""Inputs for a plain torch module: from its layers and its signature, corrected by what it raises."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice, product

from torch import nn

from attnprobe.loading.building.arguments import parameters_of, required_of
from attnprobe.loading.building.recipe import Proposal, Proposals
from attnprobe.loading.inputs.corrections import corrected
from attnprobe.loading.inputs.options import Option, draw
from attnprobe.loading.inputs.sampling import Sampler
from attnprobe.loading.inputs.structure import image_sides, input_options, longest

_COMBINATIONS = 40
_NUMBERS = {"int": 0, "float": 1, "bool": 0}
_IMAGE_WORDS = ("image", "img", "pixel", "picture", "photo")
_TOKEN_WORDS = ("ids", "idx", "token", "word", "sentence", "text")
_TIME_WORDS = frozenset({"t", "time", "timestep", "timesteps", "sigma", "noise_level", "step"})
_LABEL_WORDS = frozenset({"y", "label", "labels", "target", "targets", "classes", "class_labels"})
_LENGTH_WORDS = ("lengths", "lens", "seq_len", "src_len")


@dataclass(frozen=True, slots=True)
class Attempt:
    """One option per argument, and the sizes that their letters stand for."""

    options: tuple[Option, ...]
    seq_len: int
    side: int


def propose(module: nn.Module, sampler: Sampler) -> Proposals:
    """Combinations of options, likeliest first; what the model raises puts corrected ones in front."""
    wanted = _wanted(module)
    general = input_options(module)
    choices = [
        _options_for(parameter, position, general, len(wanted)) for position, parameter in enumerate(wanted)
    ]
    queue = list(_attempts(choices, _length(module, sampler), image_sides(module)))
    seen: set[Attempt] = set()
    while queue:
        attempt = queue.pop(0)
        if attempt in seen:
            continue
        seen.add(attempt)
        error = yield _proposal(attempt, wanted, sampler)
        better = corrected(attempt.options, {"S": attempt.seq_len, "I": attempt.side}, error)
        queue[:0] = [Attempt(options, sizes["S"], sizes["I"]) for options, sizes in better]
        queue.sort(key=lambda later: _fits_rank(later, error), reverse=True)


def _proposal(attempt: Attempt, wanted: tuple[inspect.Parameter, ...], sampler: Sampler) -> Proposal:
    sizes = {"B": sampler.batch_size, "S": attempt.seq_len, "I": attempt.side}
    args: list[object] = []
    kwargs, notes, guessed = {}, {}, []
    for parameter, option in zip(wanted, attempt.options, strict=True):
        value = draw(option, sizes, sampler)
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY:
            kwargs[parameter.name] = value
        else:
            args.append(value)
        name = parameter.name if parameter.name in kwargs else str(len(args) - 1)
        notes[name] = notes[f"{name}.0"] = option.note  # a list's one element is described as its first
        if option.kind == "number":
            guessed.append(f"The argument {parameter.name} is {value}.")
    return Proposal(args=tuple(args), kwargs=kwargs, notes=notes, guessed=tuple(guessed))


def _wanted(module: nn.Module) -> tuple[inspect.Parameter, ...]:
    """The required arguments of forward; the first one where all have defaults or none is named."""
    needed = required_of(module.forward)
    first = parameters_of(module.forward)[:1]
    return needed or first or (inspect.Parameter("x", inspect.Parameter.POSITIONAL_ONLY),)


def _length(module: nn.Module, sampler: Sampler) -> int:
    limit = longest(module)
    return sampler.seq_len if limit is None or sampler.is_seq_len_given else min(sampler.seq_len, limit)


def _attempts(choices: list[tuple[Option, ...]], seq_len: int, sides: tuple[int, ...]) -> Iterator[Attempt]:
    """Combinations by the sum of their ranks, each with the likeliest image side; then the other sides."""
    ranked = sorted(islice(product(*(range(len(options)) for options in choices)), 4096), key=sum)
    combinations = [
        tuple(options[index] for options, index in zip(choices, indices, strict=True))
        for indices in ranked[:_COMBINATIONS]
    ]
    for options in combinations:
        yield Attempt(options, seq_len, sides[0])
    pictures = [options for options in combinations if any("I" in option.shape for option in options)]
    for side in sides[1:]:
        for options in pictures[:2]:
            yield Attempt(options, seq_len, side)


def _options_for(
    parameter: inspect.Parameter, position: int, general: tuple[Option, ...], count: int
) -> tuple[Option, ...]:
    """Options of one argument: what its name or annotation says, then what the structure says."""
    name = parameter.name.lower()
    kind = getattr(parameter.annotation, "__name__", str(parameter.annotation))
    if kind in _NUMBERS:
        return (Option("number", high=_NUMBERS[kind]),)
    if position and count > 1:
        special = tuple(_by_name(name))
        if special:
            return (*special, *general[:2])
    listed = (
        Option("list", option.shape, note=option.note) for option in general[:1] if "list" in kind.lower()
    )
    return (*listed, *sorted(general, key=lambda option: not _suits(option, name)))


def _by_name(name: str) -> Iterator[Option]:
    if "mask" in name:
        yield Option("mask", ("B", "S"), note="a mask that hides nothing")
        yield Option("mask", ("S", "S"), note="a mask that hides nothing")
        yield Option("mask", ("B", 1, "S", "S"), note="a mask that hides nothing")
    elif name in _TIME_WORDS:
        yield Option("ids", ("B",), 1000, "random time steps below 1000")
        yield Option("floats", ("B",), note="random times")
    elif name in _LABEL_WORDS:
        yield Option("ids", ("B",), 2, "class 0 or 1")
        yield Option("ids", ("B", "S"), 2, "class 0 or 1")
    elif any(word in name for word in _LENGTH_WORDS):
        yield Option("full", ("B",), note="every sample has the full length")
    elif "position" in name or name == "pos":
        yield Option("positions", ("B", "S"), note="0, 1, 2 …")


def _suits(option: Option, name: str) -> bool:
    if any(word in name for word in _IMAGE_WORDS):
        return "I" in option.shape
    if any(word in name for word in _TOKEN_WORDS):
        return option.kind == "ids"
    return True


def _fits_rank(attempt: Attempt, error: BaseException) -> bool:
    """Whether the first argument has the rank that an unpacking error asked for."""
    asked = _rank_asked(error)
    return asked is not None and attempt.options[0].rank == asked


def _rank_asked(error: BaseException) -> int | None:
    text = str(error) if isinstance(error, ValueError) else ""
    _, found, tail = text.partition("values to unpack (expected ")
    digits = tail[: len(tail) - len(tail.lstrip("0123456789"))]
    return int(digits) if found and digits else None
