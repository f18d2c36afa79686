"""What a sliding window would keep of each head, with and without attention sinks."""

from __future__ import annotations

from typing import Any

from attnprobe.probes.approximating.metrics import END_TO_END, ERROR, SAMPLE, approximability
from attnprobe.records import Metric, Probe, ProbeResult, Subject

_WINDOW = "Beltagy et al. 2020, arXiv:2004.05150"
_SINKS = "Xiao et al. 2023, arXiv:2309.17453"
_DISTANCE = " Distance in two dimensions: rows of an image follow each other."
_RELATIVE = "an eighth of n, the most keys that any query of the sample sees"
_FIXED = " A fixed window is a smaller part of a longer sequence; compare at equal lengths."
_LENGTH = " Grows with the length of the data; compare at equal lengths."
_BINS = " Exact up to 64 tokens, beyond in steps of 3 %, rounded up. At most 256 queries per sequence."


def _window_for(name: str, share: int, which: str = "", *, headline: bool = False) -> Metric:
    return approximability(
        name,
        f"Smallest window that holds {share} % of the attention mass{which}",
        f"Smallest w with Σ p_ij over |i - j| ≤ w{', and over the first 4 keys,' * bool(which)} at least "
        f"{share / 100} of all mass, over real queries.{_BINS}",
        unit="token",
        source=_SINKS if which else _WINDOW,
        not_said="What happens to the output: little mass may carry much of it." + _LENGTH + _DISTANCE,
        headline=headline,
    )


def _of_window(name: str, width: str, *, is_relative: bool) -> tuple[Metric, ...]:
    made = []
    for sinks, of_sinks, source in (("", "", _WINDOW), ("sink_", " and the first 4 keys", _SINKS)):
        what = f"a window of {width}{of_sinks}"
        rest = _DISTANCE if is_relative else _FIXED + _DISTANCE
        sample = SAMPLE if is_relative else " At most 256 queries per sequence."
        made += [
            approximability(
                f"{sinks}window_{name}_mass",
                f"Attention mass inside {what}",
                f"Mean over real queries of Σ p_ij over |i - j| ≤ w{of_sinks}, w = {width}.{sample}",
                source=source,
                not_said="What happens to the output: little mass may carry much of it." + rest,
            ),
            approximability(
                f"{sinks}window_{name}_error",
                f"Error of a head's output under {what}",
                f"{ERROR}keeps p_ij for |i - j| ≤ w{of_sinks}, w = {width}, and scales each row back to its "
                f"sum. A query without mass there outputs 0.{SAMPLE}",
                source=source,
                not_said=END_TO_END + rest,
            ),
        ]
    return tuple(made)


METRICS = (
    _window_for("window_for_99", 99, headline=True),
    _window_for("window_for_95", 95),
    _window_for("sink_window_for_99", 99, " beside the first 4 keys"),
    approximability(
        "window_for_99_share",
        "Smallest window that holds 99 % of the attention mass, against what can be seen",
        "window_for_99 / mean over queries of n, the most keys that a query of the same sample sees.",
        source=_WINDOW,
        not_said="Uniform attention needs almost 1; a window to both sides covers twice as many keys.",
    ),
    *_of_window("16", "16 tokens", is_relative=False),
    *_of_window("64", "64 tokens", is_relative=False),
    *_of_window("256", "256 tokens", is_relative=False),
    *_of_window("eighth", _RELATIVE, is_relative=True),
)


def _watch(subject: Subject) -> Any:
    from attnprobe.probes.approximating.windows import WindowWatcher

    return WindowWatcher()


def _run(subject: Subject) -> ProbeResult:
    from attnprobe.probes.approximating.watching import result_of
    from attnprobe.probes.approximating.windows import numbers

    return result_of(subject, "window_approximation", METRICS, numbers)


probe = Probe(name="window_approximation", depth="measured", metrics=METRICS, run=_run, watch=_watch)
