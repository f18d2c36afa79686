"""Which heads, and which layers, could do with a sliding window: the smallest one tried that loses little."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attnprobe.probes.approximating.metrics import END_TO_END
from attnprobe.probes.map_statistics.metrics import map_metric
from attnprobe.probes.map_statistics.results import OfHeads, of_model, probe_result, result
from attnprobe.records import Measurement, Metric, NotMeasured, Probe, ProbeResult, Subject

if TYPE_CHECKING:
    from torch import Tensor

    from attnprobe.observing.sums import Sums

ERROR, MASS = 0.1, 0.99  # at most and at least, of a window that will do
NARROW = 0.25  # of the keys: a wider window saves little
ALL = 0.9  # of the heads: then the layer is local
_TRIED = (
    f"Smallest w of 16, 64, 256 tokens and an eighth of the keys for which the mass inside is at least "
    f"{MASS:g} "
    f"and the error of the head's output at most {ERROR:g}; the number of keys where none of them will do. "
)
_SOURCES = "Beltagy et al. 2020, arXiv:2004.05150; Xiao et al. 2023, arXiv:2309.17453"


def _of_window(name: str, which: str, sinks: str) -> Metric:
    return map_metric(
        name,
        f"Smallest window that would do for a head{which}",
        _TRIED + sinks + "Of a site: the largest of its heads.",
        "Widths between those tried. " + END_TO_END,
        exactness="sampled",
        unit="token",
        source=_SOURCES,
        topic="approximability",
    )


METRICS = (
    _of_window("covering_window", "", ""),
    _of_window("covering_sink_window", " beside the first 4 keys", "The first 4 keys stay visible. "),
    map_metric(
        "local_heads",
        "Share of heads that a narrow window would do for",
        f"Share of heads whose covering_sink_window is at most {NARROW:.0%} of the keys.",
        "What many such heads lose together: try it on the model.",
        level="site",
        exactness="sampled",
        source="After Xiao et al. 2024 (DuoAttention), arXiv:2410.10819, who train a gate per head.",
        topic="approximability",
    ),
    map_metric(
        "local_layers",
        "Share of layers that a narrow window would do for",
        f"Share of the sites, of those measured, whose local_heads is at least {ALL:g}.",
        "What many such layers lose together: try it on the model.",
        level="model",
        exactness="sampled",
        source="Layers as in Gemma 3, arXiv:2503.19786, where five of six are local.",
        topic="approximability",
    ),
)
_NO_WINDOWS = "it needs the probe window_approximation"


def _run(subject: Subject) -> ProbeResult:
    watcher = subject.watched.get("window_approximation")
    if watcher is None:
        gaps = tuple(NotMeasured(metric=metric.name, site="", reason=_NO_WINDOWS) for metric in METRICS)
        return ProbeResult(not_measured=gaps)
    found: list[Measurement | NotMeasured] = []
    shares = []
    for index, site in enumerate(subject.trace.sites):
        reason = watcher.reasons.get(index, "")
        own = reason or _windows(watcher.sums, index, site.kv_len)
        if isinstance(own, str):
            found += [NotMeasured(metric=m.name, site=site.id, reason=own) for m in METRICS[:3]]
            continue
        plain, with_sinks = own
        share = float((with_sinks <= NARROW * site.kv_len).double().mean())
        shares.append(share)
        values = (OfHeads(float(plain.max()), plain), OfHeads(float(with_sinks.max()), with_sinks), share)
        found += [result(m.name, site.id, value) for m, value in zip(METRICS, values, strict=False)]
    found.append(of_model("local_layers", shares, lambda known: sum(s >= ALL for s in known) / len(known)))
    return probe_result(found)


def _windows(sums: Sums, index: int, keys: int) -> tuple[Tensor, Tensor] | str:
    """The smallest window of each head, without and with the first keys, [H] each."""
    from attnprobe.probes.approximating.windows import numbers

    known = numbers(sums, index)
    if known is None:
        return "the instrumented run did not come past it"
    return _smallest(known, "", keys), _smallest(known, "sink_", keys)


def _smallest(known: Any, prefix: str, keys: int) -> Tensor:
    """A head without output loses nothing under any window."""
    from torch import full_like, where

    sizes = {"16": 16, "64": 64, "256": 256, "eighth": -(-keys // 8)}
    found = full_like(known[f"{prefix}window_16_mass"], keys)
    for name, size in sorted(sizes.items(), key=lambda item: -item[1]):
        mass, error = (known[f"{prefix}window_{name}_{what}"] for what in ("mass", "error"))
        does = (mass >= MASS) & ~(error > ERROR)
        found = where(does & (found >= size), min(size, keys), found)
    return found


probe = Probe(
    name="local_reach", depth="measured", metrics=METRICS, run=_run, after=("window_approximation",)
)
