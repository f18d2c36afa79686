"""List every probe, kind of target, report format, command and rule, and the file it is in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib.metadata import entry_points

import click

from attnprobe.commands.terminal.failure import visible
from attnprobe.commands.terminal.session import session_options
from attnprobe.commands.terminal.sources import file_of, first_line
from attnprobe.dictionary import TOPICS, by_topic, entries
from attnprobe.discovered import FOLDERS, DiscoveredFolder
from attnprobe.registry import module_names


@click.command(
    "catalog",
    help="List every probe, kind of target, report format, command, rule and plug-in, and its file.",
    epilog="Example: attnprobe catalog",
)
@click.option("--metrics", "is_of_metrics", is_flag=True, help="List the metrics by topic, and their probes.")
@session_options
def command(is_of_metrics: bool) -> None:
    """Print folder by folder. Of ours nothing is imported, so nothing can fail; `doctor` imports them all.

    Rules are read as far as their title. The metrics are known by their probes alone, so these are imported.
    """
    if is_of_metrics:
        _print_metrics()
        return
    for folder in FOLDERS:
        _print_rows(folder.title, [*_files(folder), *_plugins(folder)])
    _print_rows("Rules", list(_rules()))


def _print_rows(title: str, rows: Sequence[tuple[str, str, str]]) -> None:
    click.echo(f"{title} ({len(rows)})")
    width = max((len(name) for name, _, _ in rows), default=0)
    for name, line, origin in rows:
        click.echo(f"  {name:<{width}}  {line}")
        click.echo(f"  {'':<{width}}  {origin}")


def _print_metrics() -> None:
    known = entries()
    width = max((len(name) for name in known), default=0)
    for topic, own in by_topic(known):
        click.echo(f"{TOPICS[topic]} ({len(own)})")
        for entry in own:
            click.echo(f"  {visible(entry.metric.name):<{width}}  {visible(entry.origin)}")


def _files(folder: DiscoveredFolder) -> Iterator[tuple[str, str, str]]:
    for name in module_names(folder.package):
        module = f"{folder.package}.{name}"
        yield name.removesuffix(folder.suffix), first_line(module), file_of(module)


def _rules() -> Iterator[tuple[str, str, str]]:
    """Ours and those of other packages; a pack that cannot be found is one row that says so."""
    from attnprobe.checking.packs import titles

    for name, title, origin in titles():
        yield visible(name), visible(title), visible(origin)


def _plugins(folder: DiscoveredFolder) -> Iterator[tuple[str, str, str]]:
    for entry in entry_points(group=folder.group) if folder.group else ():
        package = entry.dist.name if entry.dist else "an unknown package"
        yield visible(entry.name), f"plug-in of {visible(package)}", visible(entry.value)
