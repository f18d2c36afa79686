"""Does an attention keep its word? Checks that hold for any core or module, built in or of your own.

    from attnprobe.testing import assert_core_conforms, assert_module_conforms

    assert_core_conforms(SlidingWindow(16), causal=True)

Every module of `checks` is one check: a sentence, and a function that yields what it found wrong.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from importlib import import_module

import torch
from torch import nn

from attnprobe.attention.foundation.core import Core
from attnprobe.conformance.specimens import CoreSpecimen, ModuleSpecimen, Specimen
from attnprobe.errors import UsageError
from attnprobe.registry import module_names

__all__ = ["assert_core_conforms", "assert_module_conforms", "check_names"]


def assert_core_conforms(
    core: Core,
    *,
    causal: bool | None = None,
    num_heads: int = 4,
    head_dim: int = 8,
    lengths: Sequence[int] = (1, 7, 63, 257),
    skip: Iterable[str] = (),
    tolerances: Mapping[torch.dtype, float] | None = None,
    device: str = "cpu",
) -> None:
    """Run all checks that apply to what a core says it supports.

    Args:
        core: Of which copies are tested; their parameters are moved a little away from the initial ones.
        causal: Only causal calls, or only calls that are not; None: both, where supported.
        num_heads: Query heads of the inputs.
        head_dim: Width of the heads.
        lengths: Of the sequences.
        skip: Names of checks that do not apply (`check_names`); say why beside the call.
        tolerances: Per dtype, relative to the largest entry expected.
        device: Where to run.

    Raises:
        AssertionError: The core broke a check; each line names check, case, number and tolerance.
    """
    _assert_conforms(
        CoreSpecimen(core, lengths, causal, tolerances, device, num_heads=num_heads, head_dim=head_dim), skip
    )


def assert_module_conforms(
    module: nn.Module,
    *,
    embed_dim: int = 32,
    context_dim: int | None = None,
    shapes: Sequence[Sequence[int]] = (),
    supports: Iterable[str] | None = None,
    causal: bool | None = None,
    lengths: Sequence[int] = (1, 7, 63, 257),
    skip: Iterable[str] = (),
    tolerances: Mapping[torch.dtype, float] | None = None,
    device: str = "cpu",
) -> None:
    """Run all checks that apply to an attention module: forward(x [B, S, E], context, *, mask, cache).

    Args:
        module: Of which copies are tested; with a `reference` of the same arguments it is held against that.
        embed_dim: Width E of its input.
        context_dim: Width of its context; None: E.
        shapes: Of inputs, where they are not [B, S, E], such as maps [B, C, H, W]; masks are then not tested.
        supports: What it supports, in the words of `Core.supports`; None: its own attribute, else nothing.
        causal: As for `assert_core_conforms`; so are the others.
        lengths: Of the sequences.
        skip: Names of checks that do not apply.
        tolerances: Per dtype, relative to the largest entry expected.
        device: Where to run.

    Raises:
        AssertionError: The module broke a check; each line names check, case, number and tolerance.
    """
    specimen = ModuleSpecimen(
        module,
        lengths,
        causal,
        tolerances,
        device,
        embed_dim=embed_dim,
        context_dim=context_dim,
        shapes=tuple(tuple(shape) for shape in shapes),
        declared=None if supports is None else frozenset(supports),
    )
    _assert_conforms(specimen, skip)


def check_names() -> tuple[str, ...]:
    """Names of all checks."""
    return module_names(f"{__name__}.checks")


def _assert_conforms(specimen: Specimen, skip: Iterable[str]) -> None:
    left_out = frozenset(skip)
    if unknown := left_out - set(check_names()):
        raise UsageError(
            f"no check is named {', '.join(sorted(unknown))}; there are {', '.join(check_names())}"
        )
    broken: list[str] = []
    crash: Exception | None = None
    for name in check_names():
        if name in left_out:
            continue
        try:
            for problem in import_module(f"{__name__}.checks.{name}").check(specimen):
                broken.append(f"{name}: {problem}")
        except Exception as error:  # of the thing under test
            crash = error
            broken.append(f"{name}: {type(error).__name__}: {error}")
    if broken:
        lines = (f"{specimen.name} does not conform ({len(broken)})", *broken)
        raise AssertionError("\n".join(lines)) from crash
