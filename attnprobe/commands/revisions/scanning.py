"""Scanning both versions of a target on the same workload."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import Any

from attnprobe.commands.revisions.versions import Version, has_target, options_for
from attnprobe.commands.scanning.isolated import scan_isolated
from attnprobe.commands.terminal.failure import visible
from attnprobe.commands.terminal.progress_lines import ProgressLines
from attnprobe.commands.terminal.session import Session
from attnprobe.errors import AttnprobeError, TargetError
from attnprobe.isolation import Limits
from attnprobe.records import PairedTimes, Scan, ScanOptions

_NOT_THERE = re.compile(r"^no module is named '|^\S+ does not exist$|^\S+ has no '")


@dataclass(frozen=True, slots=True)
class Scanner:
    """How versions are scanned."""

    options: ScanOptions
    limits: Limits
    session: Session
    passed_names: tuple[str, ...]

    def scan(self, version: Version, options: ScanOptions | None = None) -> Scan:
        """One version.

        Raises:
            AttnprobeError: Names the version.
        """
        with naming(version):
            self._say(version.name)
            return scan_isolated(
                options_for(options or self.options, version),
                self.limits,
                self.session,
                self.passed_names,
                folder=version.folder,
                instead=version.instead,
            )

    def _say(self, name: str) -> None:
        if not self.session.quiet:
            print(visible(name), file=sys.stderr)


def scan_both(scanner: Scanner, base: Version, head: Version) -> tuple[Scan | None, Scan]:
    """Both versions on inputs of one size; None for a base that does not have the target.

    Where the sizes that are guessed for the two differ, the smaller one is what both can take (a table of
    positions may have grown), and is what both are scanned at.

    Raises:
        AttnprobeError: One of them cannot be scanned; names it.
    """
    after = scanner.scan(head)
    if not has_target(scanner.options, base):
        return None, after
    try:
        before = scanner.scan(base)
    except TargetError as error:
        if is_absent(error):
            return None, after
        raise
    shared = _same_size(scanner.options, before, after)
    if shared != _same_size(scanner.options, before, before):
        before = scanner.scan(base, shared)
    if shared != _same_size(scanner.options, after, after):
        after = scanner.scan(head, shared)
    return before, after


def time_both(
    scanner: Scanner, base: Version, head: Version, scans: tuple[Scan, Scan], pairs: int
) -> tuple[PairedTimes, ...]:
    """Times of both, from runs in turns on the inputs of the scans.

    Raises:
        AttnprobeError: One of them cannot be run; names it.
    """
    from attnprobe.comparing import paired_times
    from attnprobe.isolation import turns
    from attnprobe.isolation.messages import from_json

    options = _same_size(scanner.options, *scans)
    jobs = [
        turns.Version(
            version.name,
            {"options": asdict(options_for(options, version)), "instead": version.instead, "pairs": pairs},
            version.folder,
        )
        for version in (base, head)
    ]
    with ProgressLines(scanner.session) as progress:
        results = turns.run_in_turns(
            "times",
            (jobs[0], jobs[1]),
            limits=scanner.limits,
            progress=progress,
            passed_names=scanner.passed_names,
        )
    before, after = (_checked(from_json(result)) for result in results)
    return paired_times(before, after)


@contextmanager
def naming(version: Version) -> Iterator[None]:
    """Errors of the body begin with the version's name."""
    try:
        yield
    except AttnprobeError as error:
        error.message = f"{version.name}: {error.message}"
        error.args = (error.message,)
        raise


def is_absent(error: AttnprobeError) -> bool:
    """Whether the target is not there, rather than broken."""
    message = error.message.partition("): ")[2] or error.message
    return isinstance(error, TargetError) and _NOT_THERE.search(message) is not None


def _same_size(options: ScanOptions, one: Scan, other: Scan) -> ScanOptions:
    """The options, with the smaller of the sizes of the inputs that were guessed for two scans."""
    works = (one.workload, other.workload)
    if options.inputs or options.data or any(i.origin == "given" for work in works for i in work.inputs):
        return options
    batch_sizes = [work.batch_size for work in works if work.batch_size is not None]
    lengths = [work.seq_len for work in works if work.seq_len is not None]
    return replace(
        options,
        batch_size=options.batch_size or min(batch_sizes, default=None),
        seq_len=options.seq_len or min(lengths, default=None),
    )


def _checked(times: Any) -> Mapping[str, list[float]]:
    match times:
        case dict() if all(isinstance(values, list) for values in times.values()):
            return {str(name): [float(value) for value in values] for name, values in times.items()}
        case _:
            raise TargetError("the model's process sent times of an unknown form")
