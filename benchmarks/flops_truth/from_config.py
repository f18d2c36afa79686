"""Models of the transformers library from small configurations: two layers, 128 wide, random weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn

from benchmarks.flops_truth.truth import B, Inputs, S, Variant, seeded, token_ids


def model(architecture: str, config: str, **options: Any) -> Callable[[], nn.Module]:
    """A builder of `transformers.<architecture>(<config>(**options))`; imports the library when called."""

    def build() -> nn.Module:
        import transformers

        return getattr(transformers, architecture)._from_config(getattr(transformers, config)(**options))

    return seeded(build)


def ids(seq_len: int = S) -> Callable[[], Inputs]:
    """Token ids, no cache."""
    return lambda: ((), {"input_ids": token_ids(B, seq_len), "use_cache": False})


def variant(
    name: str,
    build: Callable[[], nn.Module],
    flops: int,
    core: int,
    printed: str,
    inputs: Callable[[], Inputs],
) -> Variant:
    """A variant that needs the transformers library."""
    return Variant(
        name=name,
        build=build,
        inputs=inputs,
        flops=flops,
        core=core,
        printed_mflop=printed,
        needs="transformers",
    )
