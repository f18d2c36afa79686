"""Under which rules and settings the findings of a page came about."""

from __future__ import annotations

from attnprobe.records import Scan
from attnprobe.report.page.elements import Fact
from attnprobe.report.parts.catalogue import say
from attnprobe.report.parts.quantities import UNKNOWN
from attnprobe.report.parts.safe_text import safe

STALE_SHOWN = 100


def judgement(scan: Scan) -> tuple[Fact, ...]:
    """The rules, what fails a check, the files that were read; nothing where no rules were applied."""
    made = scan.judgement
    if made is None:
        return ()
    files, packs = (", ".join(safe(name) for name in names) for names in (made.origins, made.packs))
    return (
        Fact(say("fact.check"), say("check.passed" if made.passed else "check.failed")),
        Fact(say("fact.fail_on"), say(f"severity.{made.fail_on}")),
        Fact(say("fact.ruleset"), safe(made.ruleset), is_code=True),
        Fact(say("fact.packs"), packs or UNKNOWN),
        Fact(say("fact.configuration"), files or say("fact.no_configuration"), is_code=bool(files)),
        Fact(say("fact.baseline"), safe(made.baseline) or say("fact.no_baseline")),
    )


def stale(scan: Scan) -> tuple[str, ...]:
    """The entries of the baseline that no finding answers to."""
    return tuple(safe(each) for each in scan.judgement.stale[:STALE_SHOWN]) if scan.judgement else ()
