"""Which inputs the model is called with: the user's data, given, examples, or synthesised and tried."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from torch import nn

from attnprobe.errors import ModelError, UsageError
from attnprobe.fake_tensors import FakeWorld
from attnprobe.loading.building.arguments import parameters_of
from attnprobe.loading.building.recipe import Data, Proposal, Recipe
from attnprobe.loading.inputs.batches import caster, read
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
    data: Literal["given", "random"] = "random"
    loss_inputs: tuple[Any, ...] = ()  # per batch, where the loss gets more than the model


def choose(module: nn.Module, recipe: Recipe, options: ScanOptions, sampler: Sampler) -> Chosen:
    """The inputs of one model, best source first: --data, --input, `example_inputs()`, synthesis.

    Raises:
        UsageError: --input is malformed, or given beside --data.
        TargetError: The data or `example_inputs()` holds something that is no batch.
        ModelError: No synthesised input fits; names the likeliest and what the model said to it.
    """
    if recipe.data is not None:
        if options.inputs:
            raise UsageError("--input and --data were both given; the inputs come from one of them")
        return _from_data(module, recipe, recipe.data, options)
    if options.inputs:
        given = parse_inputs(options.inputs)
        return _drawn(lambda own: _from_options(module, recipe, given, own), options, sampler)
    if recipe.example_inputs is not None:
        return _from_examples(example_calls(recipe.example_inputs), options)
    return _drawn(lambda own: _synthesised(module, recipe, own), options, sampler)


def _from_data(module: nn.Module, recipe: Recipe, data: Data, options: ScanOptions) -> Chosen:
    """Batches follow a dtype that was asked for or declared, and a model that is already on a device."""
    instance = recipe.instance
    home = None if instance is None else next((p.device for p in instance.parameters()), None)
    place = None if home is None or home.type == "meta" else home
    prepare = caster(options.dtype or recipe.dtype, place)
    found = read(data, module, options, prepare, has_loss=recipe.loss is not None)
    (args, kwargs), *rest = found.calls
    notes = (*_sizes_that_do_not_apply(options, data.name), *found.guessed)
    inputs = described(args, kwargs, {}, "given")
    return Chosen(args, kwargs, inputs, tuple(rest), notes, "given", found.loss_inputs)


def _from_examples(examples: tuple[Call, ...], options: ScanOptions) -> Chosen:
    prepare = caster(options.dtype, None)
    (args, kwargs), *rest = [(prepare(args), prepare(kwargs)) for args, kwargs in examples[: options.batches]]
    notes = _sizes_that_do_not_apply(options, "example_inputs()")
    if options.batches is not None and len(examples) < options.batches:
        notes = (*notes, f"example_inputs() gives {len(examples)} of {options.batches} batches.")
    return Chosen(args, kwargs, described(args, kwargs, {}, "given"), tuple(rest), notes, "given")


def _sizes_that_do_not_apply(options: ScanOptions, source: str) -> tuple[str, ...]:
    ignored = options.batch_size is not None or options.seq_len is not None
    return (f"--batch-size and --seq-len do not apply: {source} gives the inputs.",) if ignored else ()


def _drawn(draw: Callable[[Sampler], Chosen], options: ScanOptions, sampler: Sampler) -> Chosen:
    """Random inputs, and as many further batches of the same shapes as were asked for."""
    first = draw(sampler)
    count = options.batches or 1
    if count > 1 and first.data == "given":
        return replace(first, guessed=(*first.guessed, "There is one batch: the model came with its inputs."))
    others = [draw(sampler.reseeded(number)) for number in range(1, count)]
    return replace(first, batches=tuple((other.args, other.kwargs) for other in others))


def _synthesised(module: nn.Module, recipe: Recipe, sampler: Sampler) -> Chosen:
    proposal = first_that_runs(module, recipe, sampler)
    args, kwargs = proposal.args, dict(proposal.kwargs)
    inputs = described(args, kwargs, proposal.notes, "guessed")
    origin: Literal["given", "random"] = "given" if proposal.is_given else "random"
    return Chosen(args, kwargs, inputs, guessed=(*sentences(inputs), *proposal.guessed), data=origin)


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
