"""List, validate, test and begin rules."""

from __future__ import annotations

import click

from attnprobe.commands.ruling.listing import list_rules
from attnprobe.commands.ruling.testing import test_rules
from attnprobe.commands.ruling.validating import validate
from attnprobe.commands.ruling.writing import new


@click.group(
    "rules",
    help="List, validate, test and begin rules: one YAML file each.",
    epilog="Example: attnprobe rules list --category correctness",
)
def command() -> None:
    """Choose a verb."""


for verb in (list_rules, validate, test_rules, new):
    command.add_command(verb)
