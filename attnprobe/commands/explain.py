"""Explain a metric or an error code."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Mapping

import click

from attnprobe.commands.terminal.session import session_options
from attnprobe.errors import AttnprobeError, UsageError
from attnprobe.records import Metric, Probe
from attnprobe.registry import Plugin, discover, nearest

_EXACTNESS = {
    "exact": "exact: the same at every run",
    "sampled": "sampled: an estimate from part of the data",
    "noisy": "noisy: depends on the machine and the moment",
    "modelled": "modelled: a prediction, not a measurement",
}


@click.command(
    "explain",
    help="Explain a METRIC or an error code: what it says, how it is found, what it does not say.",
    epilog="Example: attnprobe explain flops_forward",
)
@click.argument("name", metavar="METRIC|CODE")
@session_options
def command(name: str) -> None:
    """Look it up among the error codes, then in the probes' metric dictionary."""
    codes = {cls.code: cls for cls in _family(AttnprobeError)}
    if name.upper() in codes:
        click.echo(_error_text(codes[name.upper()]))
        return
    metrics = _metrics()
    if name not in metrics:
        known = (*metrics, *codes)
        raise UsageError(
            f"nothing is named '{name}'{nearest(name, known)}", hint=f"Known: {', '.join(sorted(known))}."
        )
    click.echo(_metric_text(*metrics[name]))


def _metrics() -> Mapping[str, tuple[Metric, str]]:
    probes: Mapping[str, Plugin[Probe]] = discover("attnprobe.probes", "probe", group="attnprobe.probes")
    return {
        metric.name: (metric, probe.origin) for probe in probes.values() for metric in probe.value.metrics
    }


def _metric_text(metric: Metric, origin: str) -> str:
    rows = {
        "Unit": metric.unit,
        "Of each": metric.level,
        "Certainty": _EXACTNESS[metric.exactness],
        "Found by": metric.method,
        "Not said": metric.not_said,
        "Source": metric.source,
        "Probe": origin,
    }
    return "\n".join(
        [f"{metric.name}: {metric.title}", *(_row(key, text) for key, text in rows.items() if text)]
    )


def _error_text(cls: type[AttnprobeError]) -> str:
    text = inspect.cleandoc(cls.__doc__ or "").split("\n\n", 1)[0]
    return f"{cls.code}: {text}\n{_row('Exit code', str(cls.exit_code))}"


def _row(key: str, text: str) -> str:
    return textwrap.fill(text, width=96, initial_indent=f"  {key:<10} ", subsequent_indent=" " * 13)


def _family(cls: type[AttnprobeError]) -> tuple[type[AttnprobeError], ...]:
    return (cls, *(found for child in cls.__subclasses__() for found in _family(child)))
