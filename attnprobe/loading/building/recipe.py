"""What a loader knows of a target before anything is built."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import nn

from attnprobe.loading.inputs.sampling import Sampler
from attnprobe.records import ScanOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """Inputs that a model might accept."""

    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    notes: Mapping[str, str] = field(default_factory=dict)  # input name -> how its values were chosen
    guessed: tuple[str, ...] = ()  # sentences about the call as a whole
    is_certain: bool = False  # follows from the configuration alone: not worth a trial
    is_given: bool = False  # not drawn: values that came with the model


# Yields proposals, best first, and is sent the error that the model raised on each.
Proposals = Generator[Proposal, BaseException, None]


@dataclass(frozen=True, slots=True)
class Data:
    """Batches of the user's own, not yet read."""

    value: Any  # an iterable of batches, one batch, or a function that returns either
    name: str  # as the user wrote it: "--data train.py:loader"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How to make one model, and what its author said about calling it."""

    entry: str  # "model.py:GPT()"
    build: Callable[[], nn.Module]
    propose: Callable[[nn.Module, Sampler], Proposals]
    build_real: Callable[[], nn.Module] | None = None  # where the real model has more: weights from a folder
    instance: nn.Module | None = None  # already there, real; it is borrowed
    dtype: str | None = None  # what the configuration declares
    can_build_fake: bool = True
    is_small: bool = True  # whether building for real is worth a try where building without memory fails
    example_inputs: Callable[[], Any] | None = None
    data: Data | None = None  # goes before `example_inputs`
    loss: Callable[[Any, Any], Any] | None = None
    causal: bool | None = None
    guessed: tuple[str, ...] = ()
    how_to_give_inputs: str = ""  # besides --input


@dataclass(frozen=True, slots=True, kw_only=True)
class Loader:
    """One kind of target: a file of `attnprobe/loading/` that defines `loader`."""

    forms: tuple[str, ...]  # how such a target is written: "model.py", "model.py:ENTRY"
    matches: Callable[[str], bool]
    recipe: Callable[[ScanOptions], Recipe]
    is_fallback: bool = False  # asked only when no other loader takes the target
