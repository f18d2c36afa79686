"""How the cost grows with the sequence length: traced at several lengths, not extrapolated."""

from __future__ import annotations

from collections.abc import Iterator

from attnprobe.errors import AttnprobeError
from attnprobe.probes.counting.tally import Tally, count
from attnprobe.probes.lengths.fit import crossover_length, length_exponent, parabola
from attnprobe.records import Curve, Measurement, Metric, NotMeasured, Probe, ProbeResult, Subject, Trace

_FACTORS = (0.5, 2, 4)  # of the scanned length: with it four points, one more than a parabola needs
_LARGE = 4000  # ops of a forward from which on each further length takes seconds: then only twice the length
_CURVES = ("flops_forward", "flops_core")

METRICS = (
    Metric(
        name="length_exponent",
        title="Growth of the forward FLOPs with the sequence length",
        unit="1",
        level="site",
        exactness="exact",
        method="Slope of log FLOPs against log length between the two longest traced lengths.",
        not_said="Growth at other lengths: a sum of a linear and a quadratic part gets steeper.",
    ),
    Metric(
        name="core_length_exponent",
        title="Growth of the core's FLOPs with the sequence length",
        unit="1",
        level="site",
        exactness="exact",
        method="Slope of log flops_core against log length between the two longest traced lengths.",
        not_said="Time and memory: a fused kernel keeps no L x S scores but computes as many.",
    ),
    Metric(
        name="quadratic_crossover_length",
        title="Sequence length beyond which the quadratic part costs more FLOPs than all the rest",
        unit="token",
        level="site",
        exactness="exact",
        method="Root of c L² = a + b L; a, b, c from a parabola through the traced lengths, kept only when "
        "a further length, or the split into core and rest, proves it within 1e-6.",
        not_said="It counts FLOPs; where memory bounds attention, its time passes the rest earlier.",
    ),
)


def _run(subject: Subject) -> ProbeResult:
    length = subject.trace.seq_len
    if length is None or subject.retrace is None:
        reason = "no input has a dimension along which the tokens of an attention lie"
        return ProbeResult(not_measured=_missing(reason))
    points, notes = _points(subject, length)
    if len(points) < 2:
        return ProbeResult(not_measured=_missing("; ".join(notes) or "only one length was asked for"))
    names = ("", *(site.id for site in subject.trace.sites))
    results = [result for name in names for result in _growth(name, points)]
    return ProbeResult(
        measurements=tuple(result for result in results if isinstance(result, Measurement)),
        not_measured=tuple(result for result in results if isinstance(result, NotMeasured)),
        curves=tuple(_curves(subject.trace, points)),
        notes=notes,
    )


_Points = dict[int, dict[str, Tally]]  # length -> site ("" the model) -> sums


def _points(subject: Subject, scanned: int) -> tuple[_Points, tuple[str, ...]]:
    """Sums at every length that could be traced, shortest first, and a note for each that could not."""
    wanted = subject.options.lengths or _default_lengths(subject.trace, scanned)
    points, notes = {scanned: _tallies(subject.trace)}, []
    assert subject.retrace is not None
    for length in sorted({length for length in wanted if length > 0} - {scanned}):
        try:
            points[length] = _tallies(subject.retrace(length))
        except AttnprobeError as error:
            notes.append(f"length {length} could not be traced: {error.message}")
    return dict(sorted(points.items())), tuple(notes)


def _default_lengths(trace: Trace, scanned: int) -> tuple[int, ...]:
    factors = (2.0,) if trace.forward_end > _LARGE else _FACTORS
    return tuple(round(scanned * factor) for factor in factors)


def _tallies(trace: Trace) -> dict[str, Tally]:
    counted = count(trace)
    found = {site.id: tally for site, tally in zip(trace.sites, counted.sites, strict=True)}
    model = Tally(forward=counted.model.forward)
    for tally in counted.sites:
        model.parts.update(tally.parts)
    return {"": model, **found}


def _series(name: str, points: _Points) -> tuple[tuple[int, ...], dict[str, tuple[float, ...]]]:
    """Lengths at which a site was found, and its values there."""
    present = {length: tallies[name] for length, tallies in points.items() if name in tallies}
    values = {
        "flops_forward": tuple(float(tally.forward) for tally in present.values()),
        "flops_core": tuple(float(tally.core) for tally in present.values()),
    }
    return tuple(present), values


def _growth(name: str, points: _Points) -> Iterator[Measurement | NotMeasured]:
    lengths, values = _series(name, points)
    for metric, curve in (("length_exponent", "flops_forward"), ("core_length_exponent", "flops_core")):
        exponent = length_exponent(lengths, values[curve])
        if exponent is not None:
            yield Measurement(metric=metric, site=name, value=exponent)
        else:
            reason = f"{curve} is zero, or was found at one length only"
            yield NotMeasured(metric=metric, site=name, reason=reason)
    yield _crossover(name, lengths, values)


def _crossover(
    name: str, lengths: tuple[int, ...], values: dict[str, tuple[float, ...]]
) -> Measurement | NotMeasured:
    metric = "quadratic_crossover_length"
    fit = parabola(lengths, values["flops_forward"], values["flops_core"])
    if fit is None:
        shown = ", ".join(map(str, lengths))
        reason = f"the traced lengths ({shown}) do not show a parabola; --lengths traces others"
        return NotMeasured(metric=metric, site=name, reason=reason)
    length = crossover_length(*fit)
    if length is None:
        return NotMeasured(metric=metric, site=name, reason="no part of the FLOPs grows quadratically")
    return Measurement(metric=metric, site=name, value=length)


def _curves(trace: Trace, points: _Points) -> Iterator[Curve]:
    """For the model and for the first site of every group."""
    first: dict[str, str] = {}
    for site in trace.sites:
        first.setdefault(site.group, site.id)
    for name in ("", *first.values()):
        lengths, values = _series(name, points)
        for metric in _CURVES:
            yield Curve(metric=metric, site=name, lengths=lengths, values=values[metric], method="traced")


def _missing(reason: str) -> tuple[NotMeasured, ...]:
    return tuple(NotMeasured(metric=metric.name, site="", reason=reason) for metric in METRICS)


probe = Probe(name="length_scaling", depth="static", metrics=METRICS, run=_run)
