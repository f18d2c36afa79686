"""`attnprobe rules test`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from attnprobe.commands.ruling.found import found_rules
from attnprobe.commands.ruling.validating import print_faults
from attnprobe.commands.terminal.failure import visible
from attnprobe.commands.terminal.session import Session, session_options
from attnprobe.errors import AttnprobeError, RuleError
from attnprobe.isolation.limits import Limits, default_memory_bytes
from attnprobe.records import Scan, ScanOptions

if TYPE_CHECKING:
    from attnprobe.checking.packs import ModelTest, Rule

_FAILED = 1
_SECONDS = 300.0


@click.command(
    "test",
    short_help="Run the tests that rules carry.",
    help="Run the tests that rules carry: all of them, or those of the rules named by id, name, prefix or "
    "path. Sample models are scanned in a process of their own, each once. Exit 1 when a test fails.",
    epilog="Example: attnprobe rules test AP101 my_rules/",
)
@click.argument("words", metavar="[ID|PATH]…", nargs=-1)
@click.option("--no-samples", is_flag=True, help="Only tests that give metrics; no model is run.")
@click.option("--verbose", "-v", "is_verbose", is_flag=True, help="Show the tests that hold, too.")
@session_options
@click.pass_obj
def test_rules(session: Session, words: tuple[str, ...], no_samples: bool, is_verbose: bool) -> int:
    """Print what fails, then how many held.

    Raises:
        RuleError: Nothing failed, but a rule file cannot be read.
    """
    rules, faults = found_rules(words)
    print_faults(faults)
    scans = None if no_samples else _Scans(rules, session)
    held = failed = 0
    for rule in rules:
        for place, kind, fault in _results(rule, scans):
            failed += bool(fault)
            held += not fault
            if fault or is_verbose:
                click.echo(f"{'FAIL' if fault else 'ok  '}  {visible(place)}  {visible(kind)}")
            if fault:
                click.echo(f"      {visible(fault)}")
    rules_said = f"{len(rules)} rule{'' if len(rules) == 1 else 's'}"
    click.echo(f"{rules_said}: {held} test{'' if held == 1 else 's'} held, {failed} failed")
    if failed:
        return _FAILED
    if faults:
        raise RuleError(f"{len(faults)} rule files cannot be read")
    return 0


def _results(rule: Rule, scans: _Scans | None) -> Iterator[tuple[str, str, str]]:
    """(place, what was tested, what came instead) of every test of a rule."""
    from attnprobe.checking.evaluating.testing import fault_of_facts, fault_on_sample
    from attnprobe.checking.packs import FactsTest

    for test in rule.tests:
        place = f"{rule.id} {Path(rule.origin).name}:{test.line}"
        if isinstance(test, FactsTest):
            yield place, "metrics", fault_of_facts(rule, test)
        elif scans is not None:
            try:
                fault = fault_on_sample(rule, test, scans.of(rule, test))
            except AttnprobeError as error:
                fault = f"the sample could not be scanned: {error.message}"
            yield place, test.sample, fault


class _Scans:
    """Scans of samples, each made when it is first asked for, in a process of its own."""

    def __init__(self, rules: Sequence[Rule], session: Session) -> None:
        from attnprobe.checking.evaluating.testing import planned

        self.session = session
        self.options = planned(rules)
        self.made: dict[ScanOptions, Scan | AttnprobeError] = {}

    def of(self, rule: Rule, test: ModelTest) -> Scan:
        """The scan of a test's sample.

        Raises:
            AttnprobeError: It could not be scanned, now or before.
        """
        from attnprobe.checking.evaluating.testing import scan_key

        options = self.options[scan_key(rule, test)]
        if options not in self.made:
            self.made[options] = self._scanned(options)
        made = self.made[options]
        if isinstance(made, AttnprobeError):
            raise made
        return made

    def _scanned(self, options: ScanOptions) -> Scan | AttnprobeError:
        from attnprobe.commands.scanning.isolated import scan_isolated

        limits = Limits(seconds=_SECONDS, memory_bytes=default_memory_bytes())
        try:
            return scan_isolated(options, limits, self.session, ())
        except AttnprobeError as error:
            return error
