"""The names that a rule of level "change" may use: what became of a number between two scans.

A rule that uses a name of level "site" looks at every site of the two versions, aligned; there the names of
the model can be used as well. A rule that uses none of them looks at the model alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from attnprobe.records import Exactness


@dataclass(frozen=True, slots=True)
class ChangeFact:
    """One name."""

    name: str
    kind: Literal["number", "text", "bool"]
    unit: str
    level: Literal["model", "site"]
    exactness: Exactness
    meaning: str


GROWTHS: Mapping[str, str] = {  # stem of the names -> metric of the totals
    "flops": "flops_forward",
    "activation": "activation_bytes",
    "peak_forward": "peak_forward_bytes",
    "peak_training": "peak_training_bytes",
    "kv_cache": "kv_cache_bytes_per_token",
    "parameters": "parameters",
}
TIMES: Mapping[str, str] = {"forward_time": "forward_ms", "backward_time": "backward_ms"}
_UNITS = {"flops": "FLOP", "parameters": "parameter"}


def _growth(stem: str, metric: str) -> tuple[ChangeFact, ...]:
    unit = _UNITS.get(stem, "byte")
    return (
        ChangeFact(
            f"{stem}_growth", "number", "1", "model", "exact", f"(after - before) / before of {metric}"
        ),
        ChangeFact(f"{stem}_before", "number", unit, "model", "exact", f"{metric} of the base"),
        ChangeFact(f"{stem}_after", "number", unit, "model", "exact", f"{metric} of the head"),
    )


def _time(stem: str, metric: str) -> tuple[ChangeFact, ...]:
    of = f"{metric}, head over base, of runs in turns"
    return (
        ChangeFact(f"{stem}_ratio", "number", "1", "model", "noisy", f"median ratio of {of}"),
        ChangeFact(f"{stem}_ratio_low", "number", "1", "model", "noisy", f"lower end of the ratio of {of}"),
        ChangeFact(f"{stem}_ratio_high", "number", "1", "model", "noisy", f"upper end of the ratio of {of}"),
    )


def _before_and_after(
    stem: str, unit: str, level: Literal["model", "site"], exactness: Exactness, meaning: str
) -> tuple[ChangeFact, ...]:
    return tuple(
        ChangeFact(f"{stem}_{when}", "number", unit, level, exactness, f"{meaning}, {of}")
        for when, of in (("before", "of the base"), ("after", "of the head"))
    )


_ALL = (
    *(fact for stem, metric in GROWTHS.items() for fact in _growth(stem, metric)),
    *(fact for stem, metric in TIMES.items() for fact in _time(stem, metric)),
    ChangeFact("time_pairs", "number", "1", "model", "exact", "pairs of runs in turns"),
    *_before_and_after("sites", "1", "model", "exact", "attention sites"),
    *_before_and_after("blind_spots", "1", "model", "exact", "parts that could not be seen into"),
    *_before_and_after(
        "gradient_factor", "1", "model", "exact", "value_output_gradient_factor of the largest group"
    ),
    ChangeFact(
        "gradient_decay",
        "number",
        "1",
        "model",
        "exact",
        "|ln gradient_factor| per layer, head minus base: how much faster gradients vanish or explode",
    ),
    *_before_and_after(
        "redundant_heads", "1", "model", "sampled", "heads beyond one per cluster (head_clusters), all sites"
    ),
    ChangeFact("site", "text", "", "site", "exact", "id of the site, in the head where it has it"),
    ChangeFact("site_lost", "bool", "", "site", "exact", "the base has the site, the head has not"),
    ChangeFact("site_added", "bool", "", "site", "exact", "the head has the site, the base has not"),
    ChangeFact("kernel_lost", "bool", "", "site", "exact", "a fused kernel before, unfused or math after"),
    ChangeFact("kernel_before", "text", "", "site", "exact", "kernel of the base"),
    ChangeFact("kernel_after", "text", "", "site", "exact", "kernel of the head"),
)

CHANGE_FACTS: Mapping[str, ChangeFact] = {fact.name: fact for fact in _ALL}


def looks_at_sites(names: Iterable[str]) -> bool:
    """Whether a rule that uses these names looks at every site, not at the model alone."""
    return any(name in CHANGE_FACTS and CHANGE_FACTS[name].level == "site" for name in names)
