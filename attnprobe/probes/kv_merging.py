"""Which key-value heads could become one: the same groups for keys and for values, at a small error."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attnprobe.probes.heads.gathering import Gathered
from attnprobe.probes.kv_sharing import groups_of
from attnprobe.records import AttentionSite, Metric, Probe, ProbeResult, Subject

if TYPE_CHECKING:
    from torch import Tensor

    from attnprobe.observing.sums import Sums

LIMIT = 0.25  # of both errors: what is left are 94 % of the energy of keys and of values
_LEAST = 2  # key-value heads

METRICS = (
    Metric(
        name="mergeable_kv_heads",
        title="Key-value heads that are enough",
        unit="1",
        level="head",
        exactness="sampled",
        method="Per head: the number, from 0, of the group that its key-value head falls into. Of a site: "
        "how many "
        "groups there are. Heads are joined two by two, again and again, by the matching that loses least "
        "of keys "
        f"and values together, each rotated first, for as long as neither error is above {LIMIT:g}. All "
        "of them: no two can share.",
        source="After Jin et al. 2024, arXiv:2412.20677. A trained encoder lies at errors of 0.28 to 0.41 "
        "for keys and "
        "0.42 to 0.47 for values when its heads are halved, an untrained one at 0.53.",
        not_said="What remains after training: no published conversion holds without it. With rotary "
        "positions keys can be rotated only pair by pair. At most 1,024 dims of neighbouring heads are "
        "compared.",
        needs_data=True,
        topic="approximability",
    ),
)


def _run(subject: Subject) -> ProbeResult:
    gathered, watcher = Gathered(), subject.watched.get("kv_sharing")
    if watcher is None:
        gathered.missing(("mergeable_kv_heads",), "", "it needs the probe kv_sharing")
        return gathered.result()
    for index, site in enumerate(subject.trace.sites):
        found = _merged(watcher.sums, index, site)
        if isinstance(found, str):
            gathered.missing(("mergeable_kv_heads",), site.id, found)
            continue
        gathered.heads("mergeable_kv_heads", site.id, found, value=len(set(found)))
    return gathered.result()


def _merged(sums: Sums, index: int, site: AttentionSite) -> list[float] | str:
    """The number of each head's group, or why there is none."""
    from attnprobe.probes.heads.sharing import ROLES, product_blocks

    keys, values = (product_blocks(sums, index, role) for role in ROLES)
    if not keys or [len(own) for own in keys] != [len(own) for own in values]:
        return "its keys and values were not seen, or are too wide to be compared alike"
    heads = sum(map(len, keys))
    if heads < _LEAST:
        return "it has one key-value head"
    number_of: list[int] = []
    for one, other in zip(keys, values, strict=True):
        if not all(float(own.diagonal(dim1=0, dim2=1).abs().sum()) > 0 for own in (one, other)):
            return "its keys or values do not vary"
        first = len(set(number_of))
        groups = _joined(one, other)
        number_of += [first + next(n for n, g in enumerate(groups) if h in g) for h in range(len(one))]
    return [float(number_of[head]) for head in groups_of(sums, index, site, heads)]


def _joined(keys: Tensor, values: Tensor) -> list[tuple[int, ...]]:
    """Groups of the heads of one stretch, by their products [heads, heads, D, D]."""
    from attnprobe.probes.heads.sharing import aligned_products, best_pairs, merge_errors

    aligned = [aligned_products(own) for own in (keys, values)]
    of_keys, of_values = (own / own.diagonal().sum() for own in aligned)
    together = of_keys + of_values
    groups: list[tuple[int, ...]] = [(head,) for head in range(len(keys))]
    while len(groups) > 1 and len(groups) % 2 == 0:
        larger = [tuple(group) for group in best_pairs(together, groups)]
        errors = [
            merge_errors(own, larger, turned)[1] for own, turned in zip((keys, values), aligned, strict=True)
        ]
        if not max(errors) <= LIMIT:
            break
        groups = larger
    return groups


probe = Probe(name="kv_merging", depth="measured", metrics=METRICS, run=_run, after=("kv_sharing",))
