"""What a model's complaint about an input says about the right one."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace

from attnprobe.loading.inputs.options import Option
from attnprobe.loading.inputs.trials import IdOutOfRangeError

_MATMUL = re.compile(r"shapes cannot be multiplied \(\d+x(\d+) and (\d+)x\d+\)")
_REDUCTION = re.compile(r"same reduction dim, but got \[\d+, (\d+)\] X \[(\d+), \d+\]")  # what fakes say
_CHANNELS = re.compile(r"to have (\d+) channels, but got (\d+)")
_BROADCAST = re.compile(r"size of tensor a \((\d+)\) must match the size of tensor b \((\d+)\)")
_FAKE_BROADCAST = re.compile(r"Attempting to broadcast a dimension of length (.*)")
_NORM = re.compile(r"normalized_shape=\[(\d+)\].*got input of size\s*\[.*?(\d+)\]")
_SHORTEST = 8

Corrected = tuple[tuple[Option, ...], dict[str, int]]


def corrected(options: tuple[Option, ...], sizes: Mapping[str, int], error: BaseException) -> list[Corrected]:
    """Changed options or sizes that the error asks for; none where it does not tell."""
    return [
        *_lookups(options, sizes, error),
        *_widths(options, sizes, str(error)),
        *_lengths(options, sizes, str(error)),
    ]


def _lookups(
    options: tuple[Option, ...], sizes: Mapping[str, int], error: BaseException
) -> Iterator[Corrected]:
    """An id beyond its table: the sequence is too long for a table of positions, or the ids are too large."""
    if not isinstance(error, IdOutOfRangeError):
        return
    if error.rows < sizes["S"]:
        yield options, {**sizes, "S": error.rows}
    for index, option in enumerate(options):
        if option.kind == "ids" and option.high > error.rows:
            note = f"random ids below {error.rows} (the rows of the table they are looked up in)"
            smaller = replace(option, high=error.rows, note=note)
            yield (*options[:index], smaller, *options[index + 1 :]), dict(sizes)


def _widths(options: tuple[Option, ...], sizes: Mapping[str, int], text: str) -> Iterator[Corrected]:
    for pattern, flipped in ((_MATMUL, False), (_REDUCTION, False), (_NORM, True), (_CHANNELS, True)):
        match = pattern.search(text)
        if match is None:
            continue
        found, asked = (int(number) for number in (match.groups()[::-1] if flipped else match.groups()))
        for index, option in enumerate(options):
            if option.kind == "floats" and found in option.shape:
                shape = tuple(asked if size == found else size for size in option.shape)
                changed = replace(
                    option, shape=shape, note=f"random values of width {asked} (what the layer asked for)"
                )
                yield (*options[:index], changed, *options[index + 1 :]), dict(sizes)


def _lengths(options: tuple[Option, ...], sizes: Mapping[str, int], text: str) -> Iterator[Corrected]:
    """Two lengths that do not meet: one is ours, or ours and a special token; take the other."""
    match = _BROADCAST.search(text) or _FAKE_BROADCAST.search(text)
    if match is None:
        return
    numbers = list(dict.fromkeys(int(number) for number in re.findall(r"\d+", " ".join(match.groups()))))
    for ours in numbers:
        surplus = ours - sizes["S"]
        if 0 <= surplus <= 2:
            for theirs in numbers:
                if _SHORTEST <= theirs - surplus < sizes["S"]:
                    yield options, {**sizes, "S": theirs - surplus}
