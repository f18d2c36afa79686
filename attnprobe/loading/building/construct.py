"""Building a module: for real, or with parameters that have shapes and no memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import nn

from attnprobe.errors import ModelError, UsageError
from attnprobe.fake_tensors import FakeWorld
from attnprobe.loading.building.recipe import Recipe
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
            return build()

    return build_for_real


def build_fake(recipe: Recipe, options: ScanOptions, world: FakeWorld) -> tuple[nn.Module, tuple[str, ...]]:
    """The module with fake parameters, and a sentence where that took a detour.

    Raises:
        ModelError: The module builds neither without memory nor for real.
    """
    if recipe.can_build_fake:
        try:
            with default_dtype(options.dtype or recipe.dtype), world:
                module = recipe.build()
            world.adopt(module)
            return module, ()
        except ModelError as error:
            reason = error.message
    else:
        reason = "a saved program holds its weights"
    module = builder_of(recipe, options)()
    world.adopt(module)
    return module, (f"The model was built for real and its weights were dropped afterwards ({reason}).",)
