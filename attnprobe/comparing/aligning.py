"""Which site of one version is which of the other, when layers were renamed, added or taken out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import takewhile

from attnprobe.name_patterns import numberless
from attnprobe.records import AttentionSite

_ALIKE = 0.5  # of the sites of a renamed stack: a smaller share that is alike is another stack


@dataclass(frozen=True, slots=True)
class Pair:
    """A site before and after; one of the two may be missing."""

    base: AttentionSite | None
    head: AttentionSite | None

    @property
    def site(self) -> AttentionSite:
        """The later of the two that exists."""
        site = self.head or self.base
        assert site is not None
        return site


Stacks = Mapping[str, Sequence[AttentionSite]]


def aligned(base: Sequence[AttentionSite], head: Sequence[AttentionSite]) -> tuple[Pair, ...]:
    """Every site of both, in pairs, in the order of the head.

    Sites whose names differ in numbers alone form a stack. Stacks of one name are aligned site by site;
    stacks that only one version has are matched when they do the same: they were renamed.
    """
    before, after = _stacks(base), _stacks(head)
    renamed = _renamed(before, after)
    pairs = [
        pair
        for name, sites in after.items()
        for pair in _stack_pairs(before.get(renamed.get(name, name), ()), sites)
    ]
    taken = {*after, *renamed.values()}
    gone = [Pair(site, None) for name, sites in before.items() if name not in taken for site in sites]
    order = {site.id: number for number, site in enumerate(head)}
    with_head = [pair for pair in pairs if pair.head is not None]
    without = [pair for pair in pairs if pair.head is None]
    return (*sorted(with_head, key=lambda pair: order[pair.site.id]), *without, *gone)


def _stacks(sites: Sequence[AttentionSite]) -> dict[str, list[AttentionSite]]:
    found: dict[str, list[AttentionSite]] = {}
    for site in sites:
        found.setdefault(numberless(site.id), []).append(site)
    return found


def _stack_pairs(base: Sequence[AttentionSite], head: Sequence[AttentionSite]) -> Iterator[Pair]:
    """In their order where there are as many; else by the longest runs of sites that do the same."""
    if len(base) == len(head):
        yield from (Pair(*both) for both in zip(base, head, strict=True))
        return
    matcher = SequenceMatcher(a=[_kind(s) for s in base], b=[_kind(s) for s in head], autojunk=False)
    for _, start, end, from_, to in matcher.get_opcodes():
        shared = min(end - start, to - from_)
        yield from (Pair(base[start + k], head[from_ + k]) for k in range(shared))
        yield from (Pair(site, None) for site in base[start + shared : end])
        yield from (Pair(None, site) for site in head[from_ + shared : to])


def _renamed(base: Stacks, head: Stacks) -> Mapping[str, str]:
    """Name of a stack in head -> its name in base; the most alike first, then those whose names end alike."""
    old = [name for name in base if name not in head]
    new = [name for name in head if name not in base]
    scores = {(a, b): (_likeness(base[a], head[b]), _shared_ending(a, b)) for a in old for b in new}
    found: dict[str, str] = {}
    for (a, b), (score, _) in sorted(scores.items(), key=lambda item: item[1], reverse=True):
        if score >= _ALIKE and b not in found and a not in found.values():
            found[b] = a
    return found


def _likeness(base: Sequence[AttentionSite], head: Sequence[AttentionSite]) -> float:
    kinds = [[_kind(site) for site in sites] for sites in (base, head)]
    return SequenceMatcher(a=kinds[0], b=kinds[1], autojunk=False).ratio()


def _shared_ending(one: str, other: str) -> int:
    """How many of the last parts of two names are the same."""
    parts = zip(reversed(one.split(".")), reversed(other.split(".")), strict=False)
    return sum(1 for _ in takewhile(lambda both: both[0] == both[1], parts))


def _kind(site: AttentionSite) -> tuple[object, ...]:
    return (
        *(site.mechanism, site.role, site.is_causal, site.window_left, site.window_right),
        *(site.num_heads, site.num_kv_heads, site.head_dim, site.value_dim),
    )
