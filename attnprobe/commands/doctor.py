"""Show versions, devices and the guards around a model; import everything that is discovered."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import click

import attnprobe
from attnprobe.commands.terminal.failure import visible
from attnprobe.commands.terminal.session import session_options
from attnprobe.errors import PluginError
from attnprobe.isolation import Limits, run_job
from attnprobe.isolation.features import features
from attnprobe.isolation.limits import default_memory_bytes
from attnprobe.isolation.messages import from_json

_PACKAGES = ("torch", "transformers", "timm", "fvcore", "networkx", "click", "jinja2", "rich", "pydantic")
_SECONDS = 120.0


@click.command(
    "doctor",
    help="Show versions, devices and the guards around the model's process; import everything discovered.",
    epilog="Example: attnprobe doctor",
)
@session_options
def command() -> None:
    """Print what is there; fail as a scan would when torch or a plug-in does not import."""
    click.echo(
        f"attnprobe {attnprobe.__version__} · Python {platform.python_version()} · {platform.system()}"
    )
    click.echo("Packages")
    for name in _PACKAGES:
        click.echo(f"  {name:<14} {_version(name)}")
    click.echo("Guards of the model's process")
    for feature in features():
        note = f" ({feature.note})" if feature.note else ""
        click.echo(f"  {'yes' if feature.is_available else 'no':<4} {feature.name}{note}")
    click.echo(f"  memory limit now: {default_memory_bytes() / 2**30:.1f} GiB")
    _report_rules()
    _report_machine(_machine())


def _report_rules() -> None:
    """How many rules each pack has.

    Raises:
        RuleError: A rule file cannot be read.
    """
    from attnprobe.checking.packs import installed

    rules, faults = installed()
    click.echo("Rules")
    for name in dict.fromkeys(rule.pack for rule in rules):
        own = [rule for rule in rules if rule.pack == name]
        click.echo(f"  {visible(name):<14} {visible(own[0].pack_version)} ({len(own)} rules)")
    if faults:
        raise faults[0]


def _machine() -> Any:
    limits = Limits(seconds=_SECONDS, memory_bytes=default_memory_bytes())
    return from_json(run_job("machine", {}, limits=limits, progress=lambda stage, state, seconds: None))


def _report_machine(machine: Any) -> None:
    click.echo("The model's process")
    click.echo(f"  torch {visible(machine['torch'])}, {machine['threads']} threads")
    for name in machine["devices"] or ("cpu only",):
        click.echo(f"  device: {visible(name)}")
    click.echo(f"  discovered: {visible(', '.join(machine['discovered']))}")
    if machine["faults"]:
        raise PluginError(machine["faults"][0], hint="\n".join(machine["faults"][1:]))


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
