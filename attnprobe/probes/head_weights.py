"""What the weights alone say: heads of equal products, and products of low rank. No data is needed."""

from __future__ import annotations

from math import isnan
from typing import Any

from attnprobe.probes.heads.gathering import Gathered
from attnprobe.records import Metric, Probe, ProbeResult, Subject

_NAMES = {"query_key": ("W_QᵀW_K", "queries and keys"), "value_output": ("W_O W_V", "values and output")}
_LEFT_OUT = (
    "Biases are left out, and so is what stands between the projection and the core: rotary positions, "
    "normalisation of queries and keys. "
)


def _metrics(product: str) -> tuple[Metric, ...]:
    formula, words = _NAMES[product]

    def metric(name: str, title: str, method: str, not_said: str, source: str = "") -> Metric:
        return Metric(
            name=name, title=title, unit="1", level="head", exactness="exact", method=method,
            source=source, not_said=_LEFT_OUT + not_said, topic="heads",
        )  # fmt: skip

    return (
        metric(
            f"{product}_similarity",
            f"Similarity of two heads' products of {words}",
            f"cos(a, b) of the heads' {formula}, from Gram matrices of the weights. Blind to a rotation of a "
            "head's width. The site's number is the median over pairs.",
            "Heads of unlike weights can do the same on your data.",
            "The products are those of Elhage et al. 2021, A Mathematical Framework for Transformer "
            "Circuits.",
        ),
        metric(
            f"nearest_{product}_product",
            f"Similarity of a head's product of {words} to the nearest other",
            f"Maximum over the other heads of {product}_similarity. The site's number is the mean over "
            "heads.",
            "Untrained heads reach 0.01, trained ones 0.5; copies, rotated or not, reach 1.",
        ),
        metric(
            f"{product}_effective_rank",
            f"Effective rank of the product of {words}",
            f"exp(-Σ π log π) with π = σ / Σ σ of the singular values of the head's {formula}: at most its "
            "width. The site's number is the mean over heads.",
            "How much of it the data excite.",
            "Roy and Vetterli 2007.",
        ),
        metric(
            f"{product}_energy_at_half_rank",
            f"Share of the product of {words} that half its width holds",
            f"Σ σ² of the larger half of the singular values of {formula} / Σ σ². Near 1, the head could be "
            "half as wide. The site's number is the mean over heads.",
            "What is lost on your data: small directions can carry large activations.",
        ),
    )


METRICS = (*_metrics("query_key"), *_metrics("value_output"))


def _run(subject: Subject) -> ProbeResult:
    from attnprobe.probes.heads.weights import PRODUCTS, blocks_of

    assert subject.model is not None
    gathered = Gathered()
    parameters = dict(subject.model.module.named_parameters(remove_duplicate=False))
    for index, site in enumerate(subject.trace.sites):
        for product, roles in PRODUCTS.items():
            own, shared = (blocks_of(subject.trace, index, role, parameters) for role in roles)
            reason = next((found for found in (own, shared) if isinstance(found, str)), "")
            if reason:
                gathered.missing((m.name for m in METRICS if product in m.name), site.id, reason)
            else:
                _measure(gathered, subject, index, product, own, shared)
    return gathered.result()


def _measure(gathered: Gathered, subject: Subject, index: int, product: str, own: Any, shared: Any) -> None:
    from attnprobe.probes.heads.weights import (
        effective_rank,
        energy_at_half,
        head_groups,
        product_similarity,
        product_spectra,
    )

    site, zero = subject.trace.sites[index], "its weights are zero"
    groups = head_groups(subject.trace, index, len(shared))
    spectra = product_spectra(own, shared, groups)
    gathered.heads(f"{product}_effective_rank", site.id, effective_rank(spectra).tolist(), zero)
    gathered.heads(f"{product}_energy_at_half_rank", site.id, energy_at_half(spectra).tolist(), zero)
    if site.num_heads < 2:
        pairs = (f"{product}_similarity", f"nearest_{product}_product")
        gathered.missing(pairs, site.id, "it has one head")
        return
    similar = product_similarity(own, shared, groups).tolist()
    gathered.pairs(f"{product}_similarity", site.id, similar, zero)
    nearest = [
        max((v for other, v in enumerate(row) if other != head and not isnan(v)), default=None)
        for head, row in enumerate(similar)
    ]
    gathered.heads(f"nearest_{product}_product", site.id, nearest, zero)


probe = Probe(name="head_weights", depth="measured", metrics=METRICS, run=_run)
