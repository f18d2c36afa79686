"""Places in the user's code, as a stranger may see them: never an absolute path, never above the checkout."""

from __future__ import annotations

import re
from urllib.parse import quote

from attnprobe.records import Finding, Location, Scan
from attnprobe.report.parts.safe_text import safe

LONGEST_PATH = 4096  # of Linux

_TARGET_FILE = re.compile(r"(?P<file>[^:\0]+\.py)(?::[^/]*)?")
_ORIGIN = re.compile(r"(?P<file>[^:\0]+):(?P<line>\d{1,9})")


def path_of(file: str) -> str:
    """A path relative to the checkout; of one that is absolute or climbs out of it, the name alone.

    "" when nothing is left, or when no file can have such a name.
    """
    if len(file) > LONGEST_PATH:
        return ""
    parts = [part for part in file.split("/") if part not in ("", ".")]
    is_outside = file.startswith("/") or ".." in parts or re.match(r"[A-Za-z]:[\\/]|\\\\", file)
    if not is_outside:
        return "/".join(parts)
    name = re.split(r"[\\/]", file)[-1]
    return name if name not in (".", "..") else ""


def shown(location: Location | None) -> str:
    """ "model.py:41", harmless to look at; "" without a location."""
    path = path_of(location.file) if location else ""
    return f"{safe(path)}:{location.line}" if location and path else ""


def uri_of(file: str) -> str:
    """The path as a relative URI reference (RFC 3986, section 4.2), percent-encoded in UTF-8."""
    return quote(path_of(file).encode("utf-8", "backslashreplace"), safe="/~")


def location_of(scan: Scan, finding: Finding) -> Location | None:
    """Where a finding is shown: its own line, else the target's file, else the configuration."""
    own = finding.location
    if own is not None and path_of(own.file):
        return own
    return file_of_target(scan.model.target) or _configuration(scan)


def file_of_target(target: str) -> Location | None:
    """The first line of "model.py" or "model.py:build"; None for a target that is no Python file."""
    match = _TARGET_FILE.fullmatch(target)
    return Location(match["file"], 1, "") if match and path_of(match["file"]) else None


def place_of_origin(origin: str) -> Location | None:
    """The line of "pyproject.toml:31"; None for what came from elsewhere."""
    match = _ORIGIN.fullmatch(origin)
    return Location(match["file"], int(match["line"]), "") if match and path_of(match["file"]) else None


def shown_origin(origin: str) -> str:
    """ "pyproject.toml:31" without the folders of somebody's machine."""
    place = place_of_origin(origin)
    return shown(place) if place else safe(path_of(origin) or origin)


def shown_side(name: str, limit: int = 60) -> str:
    """One side of a comparison: "origin/main (1a2b3c4)", or the name of a saved scan without its folders."""
    return safe(path_of(name) or name, limit)


def _configuration(scan: Scan) -> Location | None:
    files = scan.judgement.origins if scan.judgement else ()
    return next((Location(file, 1, "") for file in files if path_of(file)), None)
