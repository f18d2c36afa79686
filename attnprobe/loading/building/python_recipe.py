"""The recipe of a model that a Python module defines, with the hooks beside it."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

from torch import nn

from attnprobe.errors import TargetError
from attnprobe.loading.building.entries import build_from, find_entry
from attnprobe.loading.building.recipe import Proposals, Recipe
from attnprobe.loading.building.user_code import shown
from attnprobe.loading.inputs import plain
from attnprobe.loading.inputs.sampling import Sampler
from attnprobe.loading.transformers_inputs.propose import propose as propose_for_transformers


def recipe_of_module(module: ModuleType, entry_name: str, target: str) -> Recipe:
    """Find the entry and the optional `example_inputs()`, `loss(outputs, inputs)` and `causal`.

    Raises:
        TargetError: No usable entry, or a hook that is not what it should be.
    """
    entry = find_entry(module, entry_name, target)
    causal = getattr(module, "causal", None)
    if causal is not None and not isinstance(causal, bool) and not callable(causal):
        raise TargetError(f"{shown(target)}: `causal` is {type(causal).__name__}; expected True or False")
    return Recipe(
        entry=f"{shown(target)}:{entry.label}",
        build=lambda: build_from(entry, target),
        instance=entry.instance,
        propose=propose,
        example_inputs=_hook(module, "example_inputs", target),
        loss=_hook(module, "loss", target),
        causal=causal if isinstance(causal, bool) else None,
        guessed=(f"The entry is {entry.label}: {entry.found_as}.",) if entry.found_as else (),
        how_to_give_inputs="Define example_inputs() beside the model: it returns a tensor, tuple or dict.",
    )


def propose(module: nn.Module, sampler: Sampler) -> Proposals:
    """A model of transformers' says more about its inputs than its layers do."""
    of_transformers = any(kind.__name__ == "PreTrainedModel" for kind in type(module).__mro__)
    return (propose_for_transformers if of_transformers else plain.propose)(module, sampler)


def _hook(module: ModuleType, name: str, target: str) -> Callable[..., Any] | None:
    hook = getattr(module, name, None)
    if hook is None or callable(hook):
        return hook
    raise TargetError(
        f"{shown(target)}: `{name}` is {type(hook).__name__}; expected a function",
        hint=f"Write def {name}(…): return …",
    )
