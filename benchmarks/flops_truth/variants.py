"""The 23 models of the FLOP survey, each with the FLOPs that its sizes demand."""

from __future__ import annotations

from benchmarks.flops_truth import hand_written, torch_layers, transformers_decoders, transformers_others
from benchmarks.flops_truth.truth import Variant

VARIANTS: tuple[Variant, ...] = (
    *transformers_decoders.VARIANTS,
    *transformers_others.VARIANTS,
    *hand_written.VARIANTS,
    *torch_layers.VARIANTS,
)
