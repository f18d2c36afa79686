"""From a recipe to the finished `LoadedModel`."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from attnprobe.errors import UsageError
from attnprobe.fake_tensors import FakeWorld
from attnprobe.loading.building.construct import Built, build_fake, builder_of, default_dtype
from attnprobe.loading.building.process_state import process_state_kept
from attnprobe.loading.building.recipe import Recipe
from attnprobe.loading.building.weights import check_weights, load_weights
from attnprobe.loading.inputs.choose import choose
from attnprobe.loading.inputs.sampling import Sampler
from attnprobe.records import LoadedModel, ScanOptions


def assemble(recipe: Recipe, options: ScanOptions, *, fake: bool) -> LoadedModel:
    """Build the module, load its weights, choose its inputs."""
    _check(options)
    world = FakeWorld() if fake else None
    built = _built(recipe, options, world)
    with default_dtype(options.dtype or recipe.dtype):
        chosen = choose(built.module, recipe, options, Sampler(options, world))
    return LoadedModel(
        module=built.module,
        args=chosen.args,
        kwargs=chosen.kwargs,
        target=options.target,
        entry=recipe.entry,
        inputs=chosen.inputs,
        loss=recipe.loss,
        causal=recipe.causal,
        is_fake=built.is_fake,
        fake_world=world,
        rebuild=lambda: _rebuilt(recipe, options),
        batches=chosen.batches,
        data=chosen.data,
        loss_inputs=chosen.loss_inputs,
        guessed=(*recipe.guessed, *built.notes, *chosen.guessed),
    )


def _built(recipe: Recipe, options: ScanOptions, world: FakeWorld | None) -> Built:
    if world is None or recipe.instance is not None:
        return Built(_with_weights(builder_of(recipe, options)(), options), is_fake=False)
    built = build_fake(recipe, options, world)
    if options.weights is not None:
        check_weights(built.module, Path(options.weights))
    return built


def _rebuilt(recipe: Recipe, options: ScanOptions) -> nn.Module:
    with process_state_kept(options.seed):
        return _with_weights(builder_of(recipe, options)(), options)


def _with_weights(module: nn.Module, options: ScanOptions) -> nn.Module:
    if options.weights is not None:
        load_weights(module, Path(options.weights))
    return module


def _check(options: ScanOptions) -> None:
    least = (
        ("--batch-size", options.batch_size, 0),
        ("--seq-len", options.seq_len, 0),
        ("--batches", options.batches, 1),
    )
    for name, value, minimum in least:
        if value is not None and value < minimum:
            raise UsageError(f"{name} {value}: expected {minimum} or more")
