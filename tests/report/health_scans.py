"""Scans with numbers of health, built by hand: 80 metrics on the sites of `sample_scans`.

The numbers follow a wave over layers and heads, so that every one can be worked out: `wave(layer, head)`.
"""

from dataclasses import replace
from math import cos

from sample_scans import HEADS, gpt_scan, wide_scan

from attnprobe.records import AttentionSite, Curve, HeadMatrix, Metric, NotMeasured, Scan

TITLES = {
    "gradients": "Norm of the gradient number {n}, against its weight",
    "heads": "Importance of the heads number {n}, without labels",
    "information": "Entropy number {n} of the maps, against its maximum",
    "approximability": "Error of the output under replacement number {n}",
    "correctness": "Leak number {n} from what must not be seen",
}
PER_TOPIC = {"gradients": 18, "heads": 18, "information": 17, "approximability": 17, "correctness": 6}
NAMED = {
    "query_gradient_norm": ("gradients", "Norm of the gradient of the query projection"),
    "key_gradient_norm": ("gradients", "Norm of the gradient of the key projection"),
    "value_gradient_norm": ("gradients", "Norm of the gradient of the value projection"),
    "head_output_similarity": ("heads", "Similarity of head outputs (linear CKA)"),
}
METHOD = "mean over queries of -sum p log p, divided by the log of the number of keys that the query may see"
NOT_SAID = "Whether a low value is a fault: a head that looks at the previous token is sharp and healthy."


def health_metric(name: str, topic: str, title: str, **rest: object) -> Metric:
    return Metric(
        name=name, title=title, unit="1", level="head", exactness="sampled", method=METHOD, topic=topic,
        source="Zhai et al. 2023, arXiv:2303.06296", not_said=NOT_SAID, **rest,
    )  # fmt: skip


def health_metrics() -> dict[str, Metric]:
    """80 metrics; the first of each topic is a headline, every second one needs data."""
    made = {name: health_metric(name, topic, title) for name, (topic, title) in NAMED.items()}
    for topic, amount in PER_TOPIC.items():
        for n in range(amount):
            name = f"{topic}_measure_{n}"
            title = TITLES[topic].format(n=n)
            made[name] = health_metric(name, topic, title, headline=n == 0, needs_data=n % 2 == 0)
    return made


def wave(layer: int, head: int) -> float:
    """From 0 to 1: highest in the middle of the layers' wave, different for every head."""
    return round(0.5 + 0.45 * cos(0.7 * layer + 0.9 * head), 4)


def with_numbers(site: AttentionSite, layer: int) -> AttentionSite:
    """45 metrics per head, the others per site."""
    values: dict[str, float | int | None] = dict(site.metrics)
    heads: dict[str, tuple[float | None, ...]] = {}
    for place, name in enumerate(PLAIN):
        per_head = tuple(wave(layer + place, head) for head in range(site.num_heads))
        values[name] = per_head[0]
        if place % 16 < 10:
            heads[name] = per_head
            values[name] = sum(per_head) / len(per_head)
    for place, name in enumerate(list(NAMED)[:3]):
        values[name] = 10.0 ** -(place + layer / 6)
    return replace(site, metrics=values, head_metrics=heads)


METRICS = health_metrics()
PLAIN = [name for name in METRICS if name not in NAMED and not name.startswith("correctness")]


def matrix(site: str, layer: int, heads: int = HEADS) -> HeadMatrix:
    """Symmetric, 1 on the diagonal."""
    rows = tuple(
        tuple(1.0 if a == b else wave(layer + min(a, b), max(a, b)) for b in range(heads))
        for a in range(heads)
    )
    return HeadMatrix(metric="head_output_similarity", site=site, values=rows)


def with_health(scan: Scan, data: str = "random") -> Scan:
    """The scan with its sites' numbers of health, a matrix each, curves, totals and gaps."""
    sites = tuple(with_numbers(site, layer) for layer, site in enumerate(scan.sites))
    curves = tuple(
        Curve(metric="information_measure_1", site=site.id, lengths=(256, 512, 1024, 2048),
              values=(0.4, 0.3, 0.1, 0.0), method="measured")
        for site in sites
    )  # fmt: skip
    gaps = tuple(
        NotMeasured(metric=f"correctness_measure_{n}", site="", reason="the model has no mask to leak")
        for n in range(2, 6)
    )
    return replace(
        scan,
        workload=replace(scan.workload, data=data, depth="measured"),
        metrics={**scan.metrics, **METRICS},
        totals={**scan.totals, "correctness_measure_0": 0.0, "correctness_measure_1": 3e-7},
        sites=sites,
        curves=(*scan.curves, *curves),
        matrices=tuple(matrix(site.id, layer) for layer, site in enumerate(sites)),
        not_measured=(*scan.not_measured, *gaps),
    )


def health_scan(data: str = "random") -> Scan:
    """24 layers of 16 heads in 2 groups, 80 metrics."""
    return with_health(gpt_scan(), data)


def wide_health_scan(count: int, is_grouped: bool = True) -> Scan:
    """Many sites with all metrics."""
    return with_health(wide_scan(count, is_grouped))
