"""Explain a metric or an error code."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Mapping

import click

from attnprobe.commands.terminal.failure import visible
from attnprobe.commands.terminal.session import session_options
from attnprobe.dictionary import TOPICS, Entry, by_topic, entries, facts
from attnprobe.errors import AttnprobeError, UsageError
from attnprobe.registry import nearest


@click.command(
    "explain",
    help="Explain a METRIC or an error code: what it says, how it is found, what it does not say. "
    "Without a name: list them all, by topic.",
    epilog="Example: attnprobe explain flops_forward",
)
@click.argument("name", metavar="[METRIC|CODE]", required=False)
@session_options
def command(name: str | None) -> None:
    """Look it up among the error codes, then in the probes' metric dictionary."""
    codes = {cls.code: cls for cls in _family(AttnprobeError)}
    if name is not None and name.upper() in codes:
        click.echo(_error_text(codes[name.upper()]))
        return
    metrics = entries()
    if name is None:
        click.echo(_listing(metrics, codes))
    elif name in metrics:
        click.echo(_metric_text(metrics[name]))
    else:
        raise UsageError(
            f"nothing is named '{name}'{nearest(name, (*metrics, *codes))}",
            hint="`attnprobe explain` without a name lists all metrics and error codes.",
        )


def _listing(metrics: Mapping[str, Entry], codes: Mapping[str, type[AttnprobeError]]) -> str:
    width = max(len(name) for name in metrics)
    blocks = []
    for topic, own in by_topic(metrics):
        lines = (f"  {visible(e.metric.name):<{width}}  {visible(e.metric.title)}" for e in own)
        blocks.append("\n".join((f"{TOPICS[topic]} ({len(own)})", *lines)))
    errors = textwrap.fill(", ".join(codes), width=96, initial_indent="  ", subsequent_indent="  ")
    return "\n\n".join((*blocks, f"Error codes ({len(codes)})\n{errors}"))


def _metric_text(entry: Entry) -> str:
    title = f"{entry.metric.name}: {entry.metric.title}"
    return "\n".join([title, *(_row(key, text) for key, text in facts(entry).items())])


def _error_text(cls: type[AttnprobeError]) -> str:
    text = inspect.cleandoc(cls.__doc__ or "").split("\n\n", 1)[0]
    return f"{cls.code}: {text}\n{_row('Exit code', str(cls.exit_code))}"


def _row(key: str, text: str) -> str:
    return textwrap.fill(text, width=96, initial_indent=f"  {key:<10} ", subsequent_indent=" " * 13)


def _family(cls: type[AttnprobeError]) -> tuple[type[AttnprobeError], ...]:
    return (cls, *(found for child in cls.__subclasses__() for found in _family(child)))
