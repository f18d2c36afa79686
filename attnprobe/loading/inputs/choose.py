"""Which inputs the model is called with: given, its author's examples, or synthesised and tried."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import nn

from attnprobe.errors import ModelError, UsageError
from attnprobe.fake_tensors import FakeWorld
from attnprobe.loading.building.arguments import parameters_of
from attnprobe.loading.building.recipe import Proposal, Recipe
from attnprobe.loading.inputs.describing import described, sentences
from attnprobe.loading.inputs.examples import Call, example_calls
from attnprobe.loading.inputs.fill import filled
from attnprobe.loading.inputs.given import GivenInput, parse_inputs
from attnprobe.loading.inputs.sampling import Sampler
from attnprobe.loading.inputs.trials import is_undecided, trial
from attnprobe.loading.inputs.trying import fails, first_that_runs
from attnprobe.records import InputTensor, ScanOptions
from attnprobe.registry import nearest


@dataclass(frozen=True, slots=True)
class Chosen:
    """One call, its description, and further batches."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    inputs: tuple[InputTensor, ...]
    batches: tuple[Call, ...] = ()
    guessed: tuple[str, ...] = ()


def choose(module: nn.Module, recipe: Recipe, options: ScanOptions, sampler: Sampler) -> Chosen:
    """The inputs of one model, best source first: --input, `example_inputs()`, synthesis.

    Raises:
        UsageError: --input is malformed.
        ModelError: No synthesised input fits; names the likeliest and what the model said to it.
    """
    if options.inputs:
        return _from_options(module, recipe, parse_inputs(options.inputs), sampler)
    if recipe.example_inputs is not None:
        calls = tuple(_in_dtype(call, options.dtype) for call in example_calls(recipe.example_inputs))
        ignored = options.batch_size is not None or options.seq_len is not None
        note = (
            ("--batch-size and --seq-len do not apply: example_inputs() gives the inputs.",)
            if ignored
            else ()
        )
        (args, kwargs), *rest = calls
        return Chosen(args, kwargs, described(args, kwargs, {}, "given"), tuple(rest), note)
    proposal = first_that_runs(module, recipe, sampler)
    args, kwargs = proposal.args, dict(proposal.kwargs)
    inputs = described(args, kwargs, proposal.notes, "guessed")
    return Chosen(args, kwargs, inputs, guessed=(*sentences(inputs), *proposal.guessed))


def _from_options(
    module: nn.Module, recipe: Recipe, given: tuple[GivenInput, ...], sampler: Sampler
) -> Chosen:
    """The given inputs alone where the model runs on them, else with what it needs beside them."""
    names = [parameter.name for parameter in parameters_of(module.forward)]
    _check_names(given, names)
    sampler.follow(given[0].shape)
    args = tuple(
        filled(module, item, sampler) for item in sorted(given, key=_position) if item.position is not None
    )
    kwargs = {item.name: filled(module, item, sampler) for item in given if item.position is None}
    error = trial(module, sampler.world or FakeWorld(), args, kwargs)
    if error is None or is_undecided(error):
        return Chosen(args, kwargs, described(args, kwargs, {}, "given"))
    kwargs |= dict(zip(names, args, strict=False))
    try:
        proposal = first_that_runs(module, recipe, sampler, lambda offer: _completed(offer, names, kwargs))
    except ModelError:
        raise fails(recipe, args, kwargs, error, "the inputs given") from error
    added = {name: value for name, value in proposal.kwargs.items() if name not in kwargs}
    guessed = described((), added, proposal.notes, "guessed")
    inputs = (*described((), kwargs, {}, "given"), *guessed)
    return Chosen((), dict(proposal.kwargs), inputs, guessed=sentences(guessed))


def _check_names(given: tuple[GivenInput, ...], names: list[str]) -> None:
    """Refuse a name that is nearly one of the forward's: a **kwargs would swallow it silently."""
    for item in given:
        near = nearest(item.name, tuple(names))
        if item.position is None and item.name not in names and near:
            raise UsageError(f"--input {item.name}: the forward has no argument of that name{near}")


def _completed(offer: Proposal, names: list[str], given: Mapping[str, Any]) -> Proposal:
    """The given inputs, with the offer's for what else the forward takes; all by keyword."""
    offered = {**dict(zip(names, offer.args, strict=False)), **offer.kwargs}
    added = {name: value for name, value in offered.items() if name not in given}
    notes = {**{name: offer.notes.get(str(index), "") for index, name in enumerate(names)}, **offer.notes}
    return replace(offer, args=(), kwargs={**added, **given}, notes=notes, is_certain=False)


def _position(item: GivenInput) -> int:
    return -1 if item.position is None else item.position


def _in_dtype(call: Call, dtype: str | None) -> Call:
    """Floating example inputs follow an explicit --dtype, as the model does."""
    if dtype is None:
        return call
    target: torch.dtype = getattr(torch, dtype)

    def cast(value: Any) -> Any:
        return value.to(target) if isinstance(value, torch.Tensor) and value.is_floating_point() else value

    args, kwargs = call
    return tuple(cast(value) for value in args), {name: cast(value) for name, value in kwargs.items()}
