"""What would be lost if key-value heads were merged (grouped-query attention), or cached in fewer dims."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from attnprobe.probes.heads.gathering import Gathered
from attnprobe.records import AttentionSite, Metric, Probe, ProbeResult, Subject

if TYPE_CHECKING:
    from torch import Tensor

    from attnprobe.observing.sums import Sums

_PLURAL = {"key": "keys", "value": "values"}
_SMALL, _MOST_LARGE = 1024, 2  # dims of keys and values together; sites with more that are looked at
_TARGETS = {"half": 2, "quarter": 4, "eighth": 8}
_FORMULA = "√(Σ ‖X - mean of its group‖² / Σ ‖X‖²) of centred tokens X, at most 1,024 real ones of a batch"
_RETRAINED = (
    "What remains after training: published conversions all train afterwards, and none holds without it. "
)
_ROTARY = "With rotary positions keys can be rotated only pair by pair, so the aligned number is a bound. "
_SHOWN = (
    "Centred, since the mean key does not change a softmax and a bias can stand for the mean value. Per "
    "head: the number of its group. The site's number is over all heads."
)


def _metric(name: str, title: str, method: str, not_said: str, source: str = "") -> Metric:
    return Metric(
        name=name, title=title, unit="1", level="head", exactness="sampled", method=method, source=source,
        not_said=not_said.strip(), needs_data=True, topic="approximability",
    )  # fmt: skip


def _merge_metrics(role: str) -> tuple[Metric, ...]:
    plural, rotary = _PLURAL[role], _ROTARY if role == "key" else ""
    by_two = (
        _metric(
            f"{role}_merge_error",
            f"Error of the {plural} when neighbouring heads are averaged two by two",
            f"{_FORMULA}. Heads at right angles: √½. {_SHOWN}",
            _RETRAINED + "Trained and untrained heads alike are near √½; see the aligned number.",
            "Mean pooling as in Ainslie et al. 2023, arXiv:2305.13245.",
        ),
        _metric(
            f"aligned_{role}_merge_error",
            f"Error of the {plural} of two heads averaged after rotating one onto the other",
            f"{_FORMULA}, after the best rotation of each head (orthogonal Procrustes: Σ σ(X_aᵀX_b) takes "
            f"the place of ⟨X_a, X_b⟩). {_SHOWN}",
            _RETRAINED + rotary,
            "Jin et al. 2024, arXiv:2412.20677.",
        ),
    )
    fewer = [
        _metric(
            f"{role}_merge_error_to_{name}",
            f"Error of the {plural} of {_words(name)}, best grouping",
            f"{_FORMULA}, for groups {_grouping(name)}, after rotating each head towards the mean of "
            f"its group (generalised Procrustes, one round). {_SHOWN}",
            _RETRAINED
            + rotary
            + f"At most 1,024 dims of neighbouring {plural} are compared with each other.",
            "After Jin et al. 2024, arXiv:2412.20677, and Chen et al. 2024 (DHA), arXiv:2406.06567.",
        )
        for name in (*_TARGETS, "one")
    ]
    return (*by_two, *fewer)


def _words(name: str) -> str:
    return "a single head" if name == "one" else f"{'an' if name == 'eighth' else 'a'} {name} of the heads"


def _grouping(name: str) -> str:
    if name == "one":
        return "of all heads"
    return "joined two by two by a matching that loses least" + (
        ", again and again" if name != "half" else ""
    )


_LATENT = (
    Metric(
        name="key_value_energy_at_sixth",
        title="Share of keys and values that a sixth of their dims holds",
        unit="1",
        level="site",
        exactness="sampled",
        method="Σ of the largest sixth of the eigenvalues of the covariance of [k; v] / Σ of all, with "
        "keys and values of "
        "all heads side by side, each scaled to the same size; at most 1,024 real tokens of a batch. Of "
        "the sites with more "
        "than 1,024 dims, two are looked at.",
        source="The cache of multi-head latent attention; Meng et al. 2025 (TransMLA), arXiv:2502.07864.",
        not_said="The loss: what is small can matter. Keys are taken as they enter the core, after rotary "
        "positions, which a latent cache would keep apart.",
        needs_data=True,
        topic="approximability",
    ),
    Metric(
        name="key_value_rank",
        title="Dims that hold 95 % of keys and values",
        unit="1",
        level="site",
        exactness="sampled",
        method="Fewest eigenvalues of the covariance of [k; v] whose sum is 0.95 of all; see "
        "key_value_energy_at_sixth. A latent cache of that many numbers per token would hold so much.",
        not_said="The loss: what is small can matter. With few tokens for its dims it is too low.",
        needs_data=True,
        topic="approximability",
    ),
    Metric(
        name="key_value_rank_share",
        title="Share of their dims that holds 95 % of keys and values",
        unit="1",
        level="site",
        exactness="sampled",
        method="Fewest eigenvalues of the covariance of [k; v] whose sum is 0.95 of all / number of dims; "
        "see key_value_energy_at_sixth.",
        not_said="The loss: what is small can matter. With few tokens for its dims it is too low.",
        needs_data=True,
        topic="approximability",
    ),
)
METRICS = (*_merge_metrics("key"), *_merge_metrics("value"), *_LATENT)


def _watch(subject: Subject) -> Any:
    from attnprobe.probes.heads.sharing import SharingWatcher

    return SharingWatcher(_joint(subject.trace.sites))


def _joint(sites: Sequence[AttentionSite]) -> frozenset[int]:
    """Sites whose keys and values are looked at side by side: all small ones, and a few of the large."""
    large = [index for index, site in enumerate(sites) if _dims(site) > _SMALL]
    small = set(range(len(sites))) - set(large)
    steps = max(min(_MOST_LARGE, len(large)) - 1, 1)
    return frozenset(small | {large[step * (len(large) - 1) // steps] for step in range(steps + 1) if large})


def _dims(site: AttentionSite) -> int:
    return site.num_kv_heads * (site.head_dim + site.value_dim)


def _run(subject: Subject) -> ProbeResult:
    from attnprobe.probes.heads.sharing import ROLES, product_blocks

    gathered, sums = Gathered(), subject.watched["kv_sharing"].sums
    for index, site in enumerate(subject.trace.sites):
        for role in ROLES:
            blocks = product_blocks(sums, index, role)
            names = [metric.name for metric in _merge_metrics(role)]
            heads = sum(len(own) for own in blocks)
            if not blocks or heads < 2:
                reason = "it has one key-value head" if blocks else "its keys and values were not seen"
                gathered.missing(names, site.id, reason)
            else:
                _merge(gathered, site, role, blocks, groups_of(sums, index, site, heads))
        _together(gathered, sums, index, subject.trace.sites)
    return gathered.result()


def groups_of(sums: Sums, index: int, site: AttentionSite, heads: int) -> list[int]:
    """Which key-value head each head uses."""
    known = sums.get(index, "groups")
    if known is None:
        return [head * heads // site.num_heads for head in range(site.num_heads)]
    return [int(group) for group in known.tolist()]


def _merge(
    gathered: Gathered, site: AttentionSite, role: str, blocks: list[Tensor], groups: list[int]
) -> None:
    from attnprobe.probes.heads.sharing import aligned_products, best_pairs, neighbours

    aligned = [aligned_products(own) for own in blocks]
    heads = [len(own) for own in blocks]
    plain: list[Any] = [None] * len(blocks)

    def add(metric: str, grouping: list[Any], turned: Sequence[Any]) -> None:
        _add(gathered, metric, site.id, blocks, grouping, turned, groups)

    names: dict[str, list[Any]] = {f"{role}_merge_error": plain, f"aligned_{role}_merge_error": aligned}
    if any(count % 2 for count in heads):
        gathered.missing(names, site.id, f"its {sum(heads)} key-value heads cannot be taken two by two")
    else:
        for name, turned in names.items():
            add(name, [neighbours(count, 2) for count in heads], turned)
    grouping: list[Any] = [[(head,) for head in range(count)] for count in heads]
    for name, size in _TARGETS.items():
        metric = f"{role}_merge_error_to_{name}"
        if any(count % size for count in heads):
            reason = f"its {sum(heads)} key-value heads do not make groups of {size}"
            gathered.missing((metric,), site.id, reason)
            continue
        grouping = [best_pairs(one, own) for one, own in zip(aligned, grouping, strict=True)]
        add(metric, grouping, aligned)
    metric = f"{role}_merge_error_to_one"
    if len(blocks) == 1:
        add(metric, [[tuple(range(heads[0]))]], aligned)
    else:
        gathered.missing((metric,), site.id, f"its {role}s have more than 1,024 dims")


def _add(
    gathered: Gathered,
    metric: str,
    site: str,
    blocks: list[Tensor],
    grouping: list[Any],
    aligned: Sequence[Any],
    groups: Sequence[int],
) -> None:
    """The error of one grouping; the stretches of heads count by their size."""
    from attnprobe.probes.heads.sharing import merge_errors

    found = [merge_errors(*one) for one in zip(blocks, grouping, aligned, strict=True)]
    sizes = [float(own.diagonal(dim1=0, dim2=1).diagonal(dim1=0, dim2=1).sum()) for own in blocks]
    per_group = [value for values, _ in found for value in values]
    known = [(error**2 * size, size) for (_, error), size in zip(found, sizes, strict=True) if size > 0]
    if not known:
        gathered.missing((metric,), site, "they do not vary")
        return
    whole = (sum(lost for lost, _ in known) / sum(size for _, size in known)) ** 0.5
    gathered.heads(metric, site, [per_group[group] for group in groups], value=whole)


def _together(gathered: Gathered, sums: Sums, index: int, sites: Sequence[AttentionSite]) -> None:
    site = sites[index]
    from attnprobe.probes.heads.latent import TARGET, joint_products, rank_for, shares, sixth

    if index not in _joint(sites):
        reason = f"measured at {_MOST_LARGE} sites of more than {_SMALL:,} dims, evenly spread over the depth"
        gathered.missing((metric.name for metric in _LATENT), site.id, reason)
        return
    products = joint_products(sums, index)
    if isinstance(products, str):
        gathered.missing((metric.name for metric in _LATENT), site.id, products)
        return
    known, dims = shares(products), len(products)
    gathered.number("key_value_energy_at_sixth", site.id, float(known[: sixth(dims)].sum()))
    rank = rank_for(known, TARGET)
    gathered.number("key_value_rank", site.id, rank)
    gathered.number("key_value_rank_share", site.id, rank / dims)


probe = Probe(name="kv_sharing", depth="measured", metrics=METRICS, run=_run, watch=_watch)
