"""What a block-sparse attention would keep of each head."""

from __future__ import annotations

from typing import Any

from attnprobe.probes.approximating.metrics import END_TO_END, ERROR, approximability
from attnprobe.records import Probe, ProbeResult, Subject

_SOURCE = "Lai et al. 2025, arXiv:2502.20766; Child et al. 2019, arXiv:1904.10509"
_BLOCKS = (
    "For each block of neighbouring queries the ⌈c / 4⌉ blocks of keys that get most mass from it, c blocks "
    "being visible. Blocks of 16 tokens up to 256 keys, 32 up to 512, 64 beyond; 128 queries per sequence in "
    "whole blocks, evenly spread."
)
_SEARCH = " How the blocks would be found beforehand: all scores are computed here."

METRICS = (
    approximability(
        "block_quarter_mass",
        "Attention mass of the best quarter of the key blocks",
        f"Mean over real queries of the mass that their block's choice holds. {_BLOCKS}",
        source=_SOURCE,
        not_said="What happens to the output: little mass may carry much of it." + _SEARCH,
    ),
    approximability(
        "block_quarter_error",
        "Error of a head's output from the best quarter of the key blocks",
        f"{ERROR}keeps the chosen blocks and scales each row back to its sum. {_BLOCKS}",
        source=_SOURCE,
        not_said=END_TO_END + _SEARCH,
        headline=True,
    ),
)


def _watch(subject: Subject) -> Any:
    from attnprobe.probes.approximating.blocks import BlockWatcher

    return BlockWatcher()


def _run(subject: Subject) -> ProbeResult:
    from attnprobe.probes.approximating.blocks import numbers
    from attnprobe.probes.approximating.watching import result_of

    return result_of(subject, "block_approximation", METRICS, numbers)


probe = Probe(name="block_approximation", depth="measured", metrics=METRICS, run=_run, watch=_watch)
