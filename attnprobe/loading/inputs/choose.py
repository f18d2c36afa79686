"""Which inputs the model is called with: given, its author's examples, or synthesised and tried."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from time import monotonic
from typing import Any

import torch
from torch import nn

from attnprobe.errors import ModelError
from attnprobe.fake_tensors import FakeWorld
from attnprobe.isolation.user_code import location_in_traceback
from attnprobe.loading.building.arguments import required_of
from attnprobe.loading.building.recipe import Proposal, Recipe
from attnprobe.loading.building.user_code import described
from attnprobe.loading.inputs.examples import Call, example_calls
from attnprobe.loading.inputs.fill import filled
from attnprobe.loading.inputs.given import GivenInput, parse_inputs
from attnprobe.loading.inputs.sampling import Sampler
from attnprobe.loading.inputs.trials import is_undecided, trial
from attnprobe.records import InputTensor, ScanOptions

_MAX_TRIALS = 64
_MAX_SECONDS = 60.0


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
        return Chosen(args, kwargs, _described(args, kwargs, {}, "given"), tuple(rest), note)
    proposal = _first_that_runs(module, recipe, sampler)
    args, kwargs = proposal.args, dict(proposal.kwargs)
    inputs = _described(args, kwargs, proposal.notes, "guessed")
    return Chosen(args, kwargs, inputs, guessed=(*_sentences(inputs), *proposal.guessed))


def _from_options(
    module: nn.Module, recipe: Recipe, given: tuple[GivenInput, ...], sampler: Sampler
) -> Chosen:
    args = tuple(
        filled(module, item, sampler) for item in sorted(given, key=_position) if item.position is not None
    )
    kwargs = {item.name: filled(module, item, sampler) for item in given if item.position is None}
    needed = [p.name for p in required_of(module.forward)][len(args) :]
    missing = [name for name in needed if name not in kwargs]
    described_given = _described(args, kwargs, {}, "given")
    if not missing:
        return Chosen(args, kwargs, described_given)
    proposal = _first_that_runs(module, recipe, sampler, fixed=kwargs)
    names = [p.name for p in required_of(module.forward)]
    offered = {**dict(zip(names, proposal.args, strict=False)), **proposal.kwargs}
    added = {name: offered[name] for name in missing if name in offered}
    guessed = _described((), added, proposal.notes, "guessed")
    return Chosen(args, {**kwargs, **added}, (*described_given, *guessed), guessed=_sentences(guessed))


def _position(item: GivenInput) -> int:
    return -1 if item.position is None else item.position


def _first_that_runs(
    module: nn.Module, recipe: Recipe, sampler: Sampler, fixed: Mapping[str, Any] | None = None
) -> Proposal:
    """Try proposals until one runs. One that only real numbers can judge is kept for want of better."""
    world = sampler.world or FakeWorld()
    proposals, undecided, first = recipe.propose(module, sampler), None, None
    deadline = monotonic() + _MAX_SECONDS
    proposal = next(proposals, None)
    for _ in range(_MAX_TRIALS):
        if proposal is None or monotonic() > deadline:
            break
        if proposal.is_certain:
            return proposal
        error = trial(module, world, proposal.args, {**proposal.kwargs, **(fixed or {})})
        if error is None:
            return proposal
        first = first or (proposal, error)
        if is_undecided(error):
            undecided = undecided or proposal
        try:
            proposal = proposals.send(error)
        except StopIteration:
            break
    if undecided is not None:
        return undecided
    raise _nothing_fits(recipe, first)


def _nothing_fits(recipe: Recipe, first: tuple[Proposal, BaseException] | None) -> ModelError:
    if first is None:
        return ModelError(
            f"{recipe.entry}: no inputs could be guessed for its forward", hint=recipe.how_to_give_inputs
        )
    proposal, error = first
    tried = ", ".join(
        f"{item.name} {item.dtype}{list(item.shape)}"
        for item in _described(proposal.args, proposal.kwargs, {}, "guessed")
    )
    return ModelError(
        f"{recipe.entry}: the forward fails on every input that was guessed; "
        f"on {tried} it raised {described(error)}",
        hint=recipe.how_to_give_inputs,
        location=location_in_traceback(error.__traceback__),
    )


def _described(
    args: tuple[Any, ...], kwargs: Mapping[str, Any], notes: Mapping[str, str], origin: Any
) -> tuple[InputTensor, ...]:
    named = [*((str(index), value) for index, value in enumerate(args)), *kwargs.items()]
    return tuple(
        InputTensor(
            name=name,
            shape=tuple(tensor.shape),
            dtype=str(tensor.dtype).removeprefix("torch."),
            origin=origin,
            note=notes.get(name, ""),
        )
        for top, value in named
        for name, tensor in _tensors(top, value)
    )


def _tensors(name: str, value: Any) -> Iterator[tuple[str, torch.Tensor]]:
    if isinstance(value, torch.Tensor):
        yield name, value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _tensors(f"{name}.{key}", item)
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            yield from _tensors(f"{name}.{index}", item)


def _sentences(inputs: tuple[InputTensor, ...]) -> tuple[str, ...]:
    return tuple(
        f"Input {item.name} is {item.dtype}{list(item.shape)}: {item.note}." for item in inputs if item.note
    )


def _in_dtype(call: Call, dtype: str | None) -> Call:
    """Floating example inputs follow an explicit --dtype, as the model does."""
    if dtype is None:
        return call
    target: torch.dtype = getattr(torch, dtype)

    def cast(value: Any) -> Any:
        return value.to(target) if isinstance(value, torch.Tensor) and value.is_floating_point() else value

    args, kwargs = call
    return tuple(cast(value) for value in args), {name: cast(value) for name, value in kwargs.items()}
