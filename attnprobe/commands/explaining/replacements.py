"""The built-in attentions by their names and other names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from attnprobe.registry import Plugin, discover

if TYPE_CHECKING:
    from attnprobe.records import Replacement


def replacements() -> Mapping[str, Replacement]:
    """Ours and those of other packages, under every name that a rule may use.

    Raises:
        PluginError: One of another package does not import.
    """
    found: Mapping[str, Plugin[Replacement]] = discover(
        "attnprobe.suggesting", "replacement", group="attnprobe.replacements"
    )
    return {name: plugin.value for own, plugin in found.items() for name in (*plugin.value.aliases, own)}
