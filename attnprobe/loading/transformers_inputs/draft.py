"""Inputs in the making: makers by argument name fill them, errors of a trial correct them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch

from attnprobe.loading.building.recipe import Proposal
from attnprobe.loading.transformers_inputs.facts import Facts

SENSES = ("pixel_values", "input_features", "input_values", "audio_values", "pixel_values_videos")


@dataclass(frozen=True, slots=True)
class Made:
    """Values for one argument, and for those that go with it."""

    values: Mapping[str, torch.Tensor]
    note: str


@dataclass(slots=True)
class Draft:
    """A set of inputs that is being completed."""

    facts: Facts
    kwargs: dict[str, Any] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)
    layouts: dict[str, int] = field(default_factory=dict)  # argument -> which of its makers
    features: dict[str, int] = field(default_factory=dict)  # word ("image") -> placeholders per sample
    sides: tuple[int, int] | None = None  # height and width of images, once an error told
    refused: set[str] = field(default_factory=set)

    def add(self, made: Made, wanted: str) -> None:
        """Take over the wanted value and its companions; not what the forward lacks, nor another sense's."""
        for name, value in made.values.items():
            if name in self.facts.parameters and (name == wanted or name not in SENSES):
                self.kwargs[name] = value
                self.notes[name] = made.note

    def tensors(self) -> list[tuple[str, torch.Tensor]]:
        """The arguments that are tensors."""
        return [(name, value) for name, value in self.kwargs.items() if isinstance(value, torch.Tensor)]

    def proposal(self, *, is_certain: bool = False) -> Proposal:
        """The inputs as they are; says which of the model's senses get none."""
        left_out = [name for name in SENSES if self.facts.has(name) and name not in self.kwargs]
        sentences = (
            (f"Left out: {', '.join(left_out)}; what only they reach is not seen.",) if left_out else ()
        )
        return Proposal(
            kwargs=dict(self.kwargs), notes=dict(self.notes), guessed=sentences, is_certain=is_certain
        )


# Makes values for one argument; None where it does not apply to this model.
Maker = Callable[[Draft], Made | None]
