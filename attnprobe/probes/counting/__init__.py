"""Counting FLOPs: formulas, classes of ops, and their sums over a trace. Importing it fills the register."""

from attnprobe.probes.counting import (
    convolutions,
    dense,
    distances,
    extensions,
    fused_attention,
    recurrent,
)

__all__ = ["convolutions", "dense", "distances", "extensions", "fused_attention", "recurrent"]
