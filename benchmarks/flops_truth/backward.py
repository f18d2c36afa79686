"""Models of which the backward pass is known module by module.

A linear map of f FLOPs costs 2 f backward: f for the gradient of its input, f for that of its weight. Where
the input needs no gradient it costs f. An attention core of f FLOPs (two products) costs 2 f when its
products are separate ops (four products), and 5/2 f in a fused kernel, which makes the scores again (five).
"""

from __future__ import annotations

from benchmarks.flops_truth import backward_small, backward_transformers
from benchmarks.flops_truth.truth import BackwardVariant

BACKWARD_VARIANTS: tuple[BackwardVariant, ...] = (*backward_transformers.VARIANTS, *backward_small.VARIANTS)
