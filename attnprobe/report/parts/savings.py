"""What a remedy would save, in words. Savings of several remedies overlap: they are never summed."""

from __future__ import annotations

from dataclasses import dataclass

from attnprobe.records import Finding, Saving, Scan, Suggestion
from attnprobe.report.parts.catalogue import Text, Words, join, say
from attnprobe.report.parts.findings import in_both, largest_saving
from attnprobe.report.parts.names import metric_title, shown, signed_percent
from attnprobe.report.parts.readings import is_health
from attnprobe.report.parts.safe_text import safe


@dataclass(frozen=True, slots=True)
class Remedy:
    """One way to help, with what it would save."""

    name: str
    suggestion: Suggestion | None  # None: the scan holds a saving of it, but not what to do
    savings: tuple[Saving, ...]

    @property
    def is_exact(self) -> bool:
        """The outputs stay as they are."""
        return self.suggestion is not None and self.suggestion.exactness == "exact"

    @property
    def change(self) -> Words:
        """What to do, in a sentence."""
        name = safe(self.name).replace("_", " ")
        return in_both(self.suggestion.change, name) if self.suggestion else name

    @property
    def options(self) -> str:
        """ "sliding_window window_size=1024": a built-in attention with its options; "" of other changes."""
        if self.suggestion is None or not self.suggestion.options:
            return ""
        given = " ".join(f"{key}={value}" for key, value in sorted(self.suggestion.options.items()))
        return safe(f"{self.name} {given}")


def remedies(finding: Finding) -> tuple[Remedy, ...]:
    """The ways to help in the rule's order, each with its savings."""
    left: dict[str, list[Saving]] = {}
    for saving in finding.savings:
        left.setdefault(saving.remedy, []).append(saving)
    told = [Remedy(each.name, each, tuple(left.pop(each.name, ()))) for each in finding.suggestions]
    return (*told, *(Remedy(name, None, tuple(own)) for name, own in left.items()))


def best_exact(scan: Scan) -> tuple[Finding, Saving] | None:
    """The largest saving of cost that leaves the outputs as they are, and whose it is."""
    known = [
        (finding, best)
        for finding in scan.findings
        for remedy in remedies(finding)
        if remedy.is_exact
        and (best := largest_saving(each for each in remedy.savings if not is_health(scan, each.metric)))
    ]
    return max(known, key=lambda item: item[1].of_model, default=None)


def amount(scan: Scan, saving: Saving) -> str:
    """ "−2.4 GiB": what it would take off, or with a plus what it would add."""
    sign = "−" if saving.amount > 0 else "+" if saving.amount < 0 else ""
    return f"{sign}{shown(scan, saving.metric, abs(saving.amount))}"


def in_short(scan: Scan, saving: Saving) -> Text:
    """ "Activations −2.4 GiB, −41 % of the model (modelled)"; of a number of health, its relative change."""
    told = say(
        "saving.of_health" if is_health(scan, saving.metric) else "saving.short",
        metric=metric_title(scan, saving.metric),
        amount=amount(scan, saving),
        of_model=signed_percent(-saving.of_model),
        status=say(f"status.{saving.status}"),
    )
    return told if saving.amount >= 0 else join((say("saving.cost"), told), "list.space")
