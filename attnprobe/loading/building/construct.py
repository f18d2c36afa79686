"""Building a module: for real, or with parameters that have shapes and no memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import nn

from attnprobe.errors import ModelError, TargetError, UsageError
from attnprobe.fake_tensors import FakeWorld
from attnprobe.loading.building.recipe import Recipe
from attnprobe.loading.inputs.trials import has_script, is_undecided
from attnprobe.records import ScanOptions

_DTYPES = {
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
    "float64": torch.float64,
}


def torch_dtype(name: str) -> torch.dtype:
    """The floating dtype of that name.

    Raises:
        UsageError: No such floating dtype.
    """
    if name not in _DTYPES:
        raise UsageError(f"--dtype {name}: expected one of {', '.join(_DTYPES)}")
    return _DTYPES[name]


@contextmanager
def default_dtype(name: str | None) -> Iterator[None]:
    """Run the body with another default dtype; None leaves it."""
    before = torch.get_default_dtype()
    if name is not None:
        torch.set_default_dtype(torch_dtype(name))
    try:
        yield
    finally:
        torch.set_default_dtype(before)


def builder_of(recipe: Recipe, options: ScanOptions) -> Callable[[], nn.Module]:
    """What makes the real module, the same at every call: seeded, in the right dtype."""
    instance = recipe.instance
    if instance is not None:
        return lambda: instance
    build = recipe.build_real or recipe.build

    def build_for_real() -> nn.Module:
        with torch.random.fork_rng(devices=[]), default_dtype(options.dtype or recipe.dtype):
            torch.manual_seed(options.seed)
            module = build()
        check_initialised(module)
        return module

    return build_for_real


def check_initialised(module: nn.Module) -> None:
    """Refuse a module whose parameters have no shape yet.

    Raises:
        TargetError: It has lazy parameters.
    """
    lazy = [name for name, tensor in module.named_parameters() if nn.parameter.is_lazy(tensor)]
    if lazy:
        raise TargetError(
            f"{type(module).__name__} has lazy parameters without a shape: {', '.join(lazy[:4])}",
            hint="Call the model once on a batch in build_model(), then return it.",
        )


@dataclass(frozen=True, slots=True)
class Built:
    """A module, whether its parameters are fake, and sentences on how it came about."""

    module: nn.Module
    is_fake: bool
    notes: tuple[str, ...] = ()


def build_fake(recipe: Recipe, options: ScanOptions, world: FakeWorld) -> Built:
    """The module with fake parameters; built for real first where it cannot be built otherwise.

    Raises:
        ModelError: The module does not build.
    """
    reason = "a saved program holds its weights"
    if recipe.can_build_fake:
        try:
            with default_dtype(options.dtype or recipe.dtype), world:
                module = recipe.build()
            check_initialised(module)
            return _adopted(module, world, ())
        except ModelError as error:
            if not recipe.is_small and not is_undecided(error):
                raise
            reason = error.message
    module = builder_of(recipe, options)()
    return _adopted(
        module, world, (f"The model was built for real, then its weights were dropped: {reason}.",)
    )


def _adopted(module: nn.Module, world: FakeWorld, notes: tuple[str, ...]) -> Built:
    if has_script(module):
        return Built(
            module, False, ("The model holds TorchScript, which runs on real tensors only: it is real.",)
        )
    world.adopt(module)
    return Built(module, True, notes)
