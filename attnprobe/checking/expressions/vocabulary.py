"""Which names an expression may use, and of which kind their values are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from attnprobe.records import Number

Kind = Literal["number", "text", "bool"]
Fact = Number | str | bool | None  # None: not known
Facts = Mapping[str, Fact]
Options = Mapping[str, Number | str | bool]

OPTION = "opt_"  # before the name of an option, in an expression


@dataclass(frozen=True, slots=True)
class Name:
    """What is known of a name before there is a value."""

    kind: Kind
    labels: tuple[str, ...] = ()  # the only texts that it can be, where it is an enumeration


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The names of one subject, and those of its parts: heads of a site, sites of a group or a model."""

    names: Mapping[str, Name]
    parts: Mapping[str, Name] | None = None  # None: the subject has no parts
    options: Mapping[str, Kind] | None = None  # without "opt_"

    def within(self, is_of_parts: bool) -> Mapping[str, Name]:
        """The names of the subject, or of a part of it."""
        return self.parts or {} if is_of_parts else self.names
