"""Every replacement that is known, by its name and by the other names that rules may use."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from attnprobe.errors import PluginError
from attnprobe.records import Replacement
from attnprobe.registry import Plugin, discover


@cache
def replacements() -> Mapping[str, Replacement]:
    """Name or alias -> replacement, those of other packages included.

    Raises:
        PluginError: A file does not import, or two replacements want one name.
    """
    plugins: Mapping[str, Plugin[Replacement]] = discover(
        "attnprobe.suggesting", "replacement", group="attnprobe.replacements"
    )
    found: dict[str, Replacement] = {}
    for plugin in plugins.values():
        for name in (plugin.value.name, *plugin.value.aliases):
            if name in found:
                raise PluginError(f"two replacements are named '{name}': {found[name].name}, {plugin.origin}")
            found[name] = plugin.value
    return found
