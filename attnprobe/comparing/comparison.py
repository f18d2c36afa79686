"""Two scans of one model, put side by side."""

from __future__ import annotations

from collections.abc import Sequence

from attnprobe.comparing.findings import finding_changes
from attnprobe.comparing.obstacles import Obstacles
from attnprobe.comparing.sites import site_changes
from attnprobe.comparing.totals import total_changes
from attnprobe.records import Comparison, PairedTimes, Scan


def compare(
    base: Scan | None, head: Scan, *, base_name: str, head_name: str, times: Sequence[PairedTimes] = ()
) -> Comparison:
    """What changed from base to head.

    Args:
        base: None where the target does not exist before: then everything was added.
        head: Both come with their findings, where findings are to be compared.
        base_name: "origin/main (1a2b3c4)", "base.json".
        head_name: "working tree (5d6e7f8)".
        times: Of runs in turns; other times are not compared.
    """
    obstacles = None if base is None else Obstacles(base, head)
    return Comparison(
        base=base_name,
        head=head_name,
        changes=(
            *total_changes(base, head, obstacles, times),
            *site_changes(base, head, obstacles),
            *finding_changes(base, head),
        ),
        reasons=(f"the target does not exist in {base_name}",) if obstacles is None else obstacles.reasons,
        times=tuple(times),
    )
