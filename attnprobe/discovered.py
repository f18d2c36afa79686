"""The discovered folders: a new file there is a new probe, kind of target, report, command or pattern."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class DiscoveredFolder:
    """What `registry.discover` needs to know of a folder."""

    title: str
    package: str
    attribute: str
    group: str = ""  # entry points of other packages
    suffix: str = ""  # cut from the file's name


FOLDERS = (
    DiscoveredFolder(
        title="Attentions", package="attnprobe.attention", attribute="attention", group="attnprobe.attention"
    ),
    DiscoveredFolder(title="Commands", package="attnprobe.commands", attribute="command"),
    DiscoveredFolder(
        title="Kinds of target", package="attnprobe.loading", attribute="loader", group="attnprobe.loaders"
    ),
    DiscoveredFolder(title="Patterns", package="attnprobe.tracing.patterns", attribute="pattern"),
    DiscoveredFolder(title="Probes", package="attnprobe.probes", attribute="probe", group="attnprobe.probes"),
    DiscoveredFolder(
        title="Replacements",
        package="attnprobe.suggesting",
        attribute="replacement",
        group="attnprobe.replacements",
    ),
    DiscoveredFolder(
        title="Reports",
        package="attnprobe.report",
        attribute="report",
        group="attnprobe.reports",
        suffix="_report",
    ),
)
