"""Places in the code and in the model."""

from __future__ import annotations

from collections.abc import Iterable

from attnprobe.records import Finding, Location, Scan
from attnprobe.report.judged.places import location_of, path_of, uri_of
from attnprobe.report.parts.names import names
from attnprobe.report.parts.safe_text import safe
from attnprobe.report.sarif.messages import JsonObject, message

ROOT = "%SRCROOT%"
RELATED_SHOWN = 100
MODULES_SHOWN = 100


def locations(scan: Scan, finding: Finding) -> list[JsonObject]:
    """The one place of a finding, with the modules that it is about; [] when no file is known."""
    location = location_of(scan, finding)
    if location is None:
        return []
    modules = [
        {"fullyQualifiedName": safe(site, 1000), "kind": "module"} for site in finding.sites[:MODULES_SHOWN]
    ]
    return [physical(location) | ({"logicalLocations": modules} if modules else {})]


def related(finding: Finding, language: str) -> list[JsonObject]:
    """The other lines at which it was found, each once, with the sites there."""
    places: dict[Location, list[str]] = {}
    for instance in finding.instances:
        if instance.location is not None and path_of(instance.location.file):
            places.setdefault(instance.location, []).append(instance.site)
    made = [
        {"id": number, **physical(place), "message": message(names(tuple(sites)), language)}
        for number, (place, sites) in enumerate(places.items(), start=1)
        if place != finding.location or len(places) > 1
    ]
    return made[:RELATED_SHOWN]


def physical(location: Location) -> JsonObject:
    """A location object: a file below the root, and the region where it is known."""
    place: JsonObject = {"artifactLocation": {"uri": uri_of(location.file), "uriBaseId": ROOT}}
    region = dict(_region(location))
    return {"physicalLocation": place | ({"region": region} if region else {})}


def _region(location: Location) -> Iterable[tuple[str, int]]:
    """Lines and columns from 1; the end column is the first after it, as in our record."""
    first, last = location.line, location.end_line
    if first < 1:
        return
    yield "startLine", first
    has_start = location.column is not None and location.column >= 1
    if has_start:
        yield "startColumn", location.column or 1
    if last is None or last < first:
        return
    yield "endLine", last
    end = location.end_column
    if end is not None and has_start and (last > first or end > (location.column or 1)) and end >= 1:
        yield "endColumn", end
