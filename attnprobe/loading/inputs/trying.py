"""Trying proposals on the model until one runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from time import monotonic
from typing import Any

from torch import nn

from attnprobe.errors import ModelError
from attnprobe.fake_tensors import FakeWorld
from attnprobe.isolation.user_code import location_in_traceback
from attnprobe.loading.building.recipe import Proposal, Recipe
from attnprobe.loading.building.user_code import described as error_line
from attnprobe.loading.inputs.describing import described
from attnprobe.loading.inputs.sampling import Sampler
from attnprobe.loading.inputs.trials import is_undecided, trial
from attnprobe.records import InputTensor

_MAX_TRIALS = 64
_MAX_SECONDS = 60.0


def first_that_runs(
    module: nn.Module,
    recipe: Recipe,
    sampler: Sampler,
    settle: Callable[[Proposal], Proposal] = lambda offer: offer,
) -> Proposal:
    """Try proposals until one runs. One that only real numbers can judge is kept for want of better."""
    world = sampler.world or FakeWorld()
    proposals, undecided, first = recipe.propose(module, sampler), None, None
    deadline = monotonic() + _MAX_SECONDS
    offer = next(proposals, None)
    for _ in range(_MAX_TRIALS):
        if offer is None or monotonic() > deadline:
            break
        proposal = settle(offer)
        if proposal.is_certain:
            return proposal
        error = trial(module, world, proposal.args, proposal.kwargs)
        if error is None:
            return proposal
        first = first or (proposal, error)
        if is_undecided(error):
            undecided = undecided or proposal
        try:
            offer = proposals.send(error)
        except StopIteration:
            break
    if undecided is not None:
        return undecided
    raise _nothing_fits(recipe, first)


def _nothing_fits(recipe: Recipe, first: tuple[Proposal, BaseException] | None) -> ModelError:
    if first is None:
        return ModelError(
            f"{recipe.entry}: no inputs could be guessed for its forward", hint=_hint(recipe, ())
        )
    proposal, error = first
    return fails(recipe, proposal.args, proposal.kwargs, error, "every input that was guessed")


def fails(
    recipe: Recipe, args: tuple[Any, ...], kwargs: Mapping[str, Any], error: BaseException, on: str
) -> ModelError:
    """The forward does not run: on what, what it raised, and at which line of the user's."""
    inputs = described(args, kwargs, {}, "guessed")
    tried = ", ".join(f"{item.name} {item.dtype}{list(item.shape)}" for item in inputs)
    return ModelError(
        f"{recipe.entry}: the forward fails on {on}; on {tried} it raised {error_line(error)}",
        hint=_hint(recipe, inputs),
        location=location_in_traceback(error.__traceback__),
    )


def _hint(recipe: Recipe, inputs: tuple[InputTensor, ...]) -> str:
    """How to say what the forward takes, with the first guess as a line to correct."""
    example = "NAME:DTYPE[SHAPE]"
    if inputs:
        first = inputs[0]
        example = f"{first.name}:{first.dtype}[{','.join(map(str, first.shape))}]"
    return f'{recipe.how_to_give_inputs or "Say what it takes."} For example --input "{example}".'
