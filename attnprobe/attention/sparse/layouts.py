"""Which blocks of keys a block of queries sees, from their numbers alone."""

from __future__ import annotations

from collections.abc import Callable

Layout = Callable[[int, int, int, bool], set[int]]  # row, rows, blocks, is_causal -> blocks of keys


def bigbird(row: int, rows: int, blocks: int, is_causal: bool) -> set[int]:
    """Its own block, its neighbours, the first and last of all, then random ones, until there are `blocks`.

    Without causality the first and the last row see all, as they are seen by all. What a row of a causal
    layout draws depends on the row alone, so that later tokens change nothing.
    """
    candidates = row + 1 if is_causal else rows
    # Not `row in (…)`: where a compiler keeps the length symbolic, it takes that as False.
    if not is_causal and (row == 0 or row == rows - 1):
        return set(range(rows))
    near = (row, row - 1, 0) if is_causal else (row, row - 1, row + 1, 0, rows - 1)
    found: set[int] = set()
    for block in (*near, *(_drawn(row, number, candidates) for number in range(8 * blocks))):
        if 0 <= block < candidates and len(found) < blocks:
            found.add(block)
    return found


def strided(row: int, rows: int, blocks: int, is_causal: bool) -> set[int]:
    """The nearest blocks, and every `blocks`-th of all, counted from its own."""
    seen = range(row + 1 if is_causal else rows)
    return {block for block in seen if abs(row - block) < blocks or (row - block) % blocks == 0}


def fixed(row: int, rows: int, blocks: int, is_causal: bool) -> set[int]:
    """The stretch of `blocks` blocks that it stands in, and the last block of every stretch."""
    seen = range(row + 1 if is_causal else rows)
    return {block for block in seen if block // blocks == row // blocks or block % blocks == blocks - 1}


LAYOUTS: dict[str, Layout] = {"bigbird": bigbird, "strided": strided, "fixed": fixed}


def _drawn(row: int, number: int, candidates: int) -> int:
    """A number below `candidates`, the same for the same arguments on every machine."""
    prime = 2**31 - 1  # products stay below 2⁶³, which compilers want
    mixed = (row * 48271 + number * 69621 + 97) % prime
    for _ in range(3):
        mixed = (mixed * mixed + 16807 * row + number) % prime
    return mixed % candidates
