"""How large scores become through the weights of queries and keys alone."""

from __future__ import annotations

from attnprobe.records import Measurement, Metric, NotMeasured, Probe, ProbeResult, Subject

RATIO = Metric(
    name="query_key_weight_ratio",
    title="Size of the queries' weights over that of the keys'",
    unit="1",
    level="site",
    exactness="exact",
    method="rms(W_Q) / rms(W_K), without biases. Near 1/√head_dim where the scale of the scores was folded "
    "into the queries' initial weights, as in T5.",
    source="Raffel et al. 2020, arXiv:1910.10683 (its code scales W_Q at initialisation).",
    not_said="Training moves it.",
    topic="structure",
)
GAIN = Metric(
    name="score_weight_gain",
    title="Spread of the scores per feature of a head that the weights give",
    unit="1",
    level="site",
    exactness="exact",
    method="rms(W_Q) · rms(W_K) · E: inputs of variance 1 make scores of standard deviation √head_dim times "
    "this before any factor. 1/3 for nn.Linear as torch initialises it, 1 for Xavier, 0.31 for a standard "
    "deviation of .02 at E = 768.",
    not_said="What normalisations and rotations after the projections do.",
    topic="structure",
)
SPREAD = Metric(
    name="weight_row_spread",
    title="Spread of the rows' sizes in the weights of queries and keys",
    unit="1",
    level="site",
    exactness="exact",
    method="Standard deviation of the norms of the rows of W_Q (and W_K; the larger counts) / their mean · "
    "√(2 E). Independent draws from a normal distribution give 1, from a uniform one 0.6: the layers of "
    "a trained encoder have 2.5 to 7.",
    not_said="Short training, and a small E, leave it where it was.",
    topic="structure",
)
METRICS = (RATIO, GAIN, SPREAD)


def _run(subject: Subject) -> ProbeResult:
    from attnprobe.probes.structure_facts.weight_sizes import sizes_of

    assert subject.model is not None
    parameters = dict(subject.model.module.named_parameters(remove_duplicate=False))
    found: list[Measurement] = []
    missing: list[NotMeasured] = []
    for index, site in enumerate(subject.trace.sites):
        sizes = sizes_of(subject.trace, index, parameters)
        if isinstance(sizes, str):
            missing += [NotMeasured(metric=metric.name, site=site.id, reason=sizes) for metric in METRICS]
            continue
        numbers = {RATIO: sizes.ratio, GAIN: sizes.gain, SPREAD: sizes.row_spread}
        found += [Measurement(metric=m.name, site=site.id, value=value) for m, value in numbers.items()]
    return ProbeResult(measurements=tuple(found), not_measured=tuple(missing))


probe = Probe(name="score_weights", depth="measured", metrics=METRICS, run=_run)
