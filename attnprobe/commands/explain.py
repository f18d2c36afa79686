"""Explain a rule, a metric, a built-in attention or an error code."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping

import click

from attnprobe.commands.explaining.explanation import FORMS
from attnprobe.commands.explaining.lookup import codes, explained
from attnprobe.commands.explaining.replacements import replacements
from attnprobe.commands.terminal.failure import visible
from attnprobe.commands.terminal.session import session_options
from attnprobe.dictionary import TOPICS, Entry, by_topic, entries


@click.command(
    "explain",
    help="Explain a RULE (by id or name), a METRIC, a built-in ATTENTION or an error code: what it says, how "
    "it is found, when it is wrong, what to do. Without a name: list them all.",
    epilog="Example: attnprobe explain AP202 --lang zh",
)
@click.argument("name", metavar="[RULE|METRIC|ATTENTION|CODE]", required=False)
@click.option(
    "--lang", "language", type=click.Choice(["en", "zh"]), default="en", help="Of rules and attentions."
)
@click.option(
    "--format", "form", type=click.Choice(list(FORMS)), default="text", help="Text, Markdown, JSON."
)
@session_options
def command(name: str | None, language: str, form: str) -> None:
    """Look it up among the error codes, the metric dictionary, the rules and the built-in attentions."""
    metrics = entries()
    if name is None:
        click.echo(_listing(metrics, codes(), language))
        return
    click.echo(FORMS[form](explained(name, language, metrics)))


def _listing(metrics: Mapping[str, Entry], errors: Iterable[str], language: str) -> str:
    from attnprobe.checking.packs import installed

    width = max(len(name) for name in metrics)
    blocks = []
    for topic, own in by_topic(metrics):
        rows = [(entry.metric.name, entry.metric.title) for entry in own]
        blocks.append(_block(f"{TOPICS[topic]} ({len(own)})", rows, width))
    rules, _ = installed()
    titles = [(f"{rule.id} {rule.name}", rule.title[language]) for rule in rules]
    if titles:
        blocks.append(_block(f"Rules ({len(rules)})", titles, max(len(key) for key, _ in titles)))
    built_in = {each.name: each.title[language] for each in replacements().values()}
    width = max(map(len, built_in), default=0)
    blocks.append(_block(f"Built-in attentions ({len(built_in)})", built_in.items(), width))
    known = list(errors)
    shown = textwrap.fill(", ".join(known), width=96, initial_indent="  ", subsequent_indent="  ")
    return "\n\n".join((*blocks, f"Error codes ({len(known)})\n{shown}"))


def _block(heading: str, rows: Iterable[tuple[str, str]], width: int) -> str:
    return "\n".join((heading, *(f"  {visible(key):<{width}}  {visible(text)}" for key, text in rows)))
