"""Of the remedies that a rule lists, those that fit where it fired, and what each would save."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from attnprobe.records import Finding, Remedy, Replacement, Saving, Scan, Suggestion, Text
from attnprobe.suggesting.modelling.catalogue import replacements
from attnprobe.suggesting.modelling.facts import facts_of
from attnprobe.suggesting.modelling.fitting import Options, options_at, why_not
from attnprobe.suggesting.modelling.formulas import Fact, Facts
from attnprobe.suggesting.modelling.savings import measured, modelled, trials

_EVALUATE: Mapping[str, Text] = {
    "exact": {"en": "", "zh": ""},
    "approximate": {
        "en": " The outputs change: evaluate the quality on your own data before you keep it.",
        "zh": "输出会改变：采用之前，请在自己的数据上评估质量。",
    },
    "retrain": {
        "en": " It needs training: evaluate the quality on your own data afterwards.",
        "zh": "需要训练：之后请在自己的数据上评估质量。",
    },
}


def suggest(scan: Scan, findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """The findings with the suggestions that fit their sites, and with what these would save.

    Changes of the code stay as the rule has them. A built-in attention goes where it does not fit every site
    of the finding (of the model, for a finding without sites: then those that it fits are meant).
    """
    known = {site.id: facts_of(scan, site) for site in scan.sites}
    return tuple(_with_remedies(scan, finding, known) for finding in findings)


def _with_remedies(scan: Scan, finding: Finding, known: Mapping[str, Facts]) -> Finding:
    chosen: list[Suggestion] = []
    savings: list[Saving] = []
    for suggestion, own in _remedies(scan, finding, known):
        if all(suggestion.name != other.name for other in chosen):
            chosen.append(suggestion)
            savings += own
    return replace(finding, suggestions=tuple(chosen), savings=tuple(savings))


def _remedies(
    scan: Scan, finding: Finding, known: Mapping[str, Facts]
) -> Iterator[tuple[Suggestion, tuple[Saving, ...]]]:
    for suggestion in finding.suggestions:
        replacement = replacements().get(suggestion.name)
        if replacement is None:
            tried = tuple(trials(scan, finding, suggestion.name))
            yield _with_trials(suggestion, tried), tuple(measured(scan, finding, suggestion.name))
            continue
        sites = _sites(finding, replacement, known)
        options = options_at(replacement, suggestion.options, sites) if sites else None
        if options is not None:
            at_sites: list[dict[str, Fact]] = [{**facts, **options} for facts in sites]
            told = _told(replacement, options)
            yield told, (*modelled(scan, replacement, at_sites), *measured(scan, finding, replacement.name))


def _sites(finding: Finding, replacement: Replacement, known: Mapping[str, Facts]) -> Sequence[Facts]:
    """Where it would be put; none when it does not fit everywhere."""
    meant = [known[site] for site in finding.sites if site in known] or list(known.values())
    fitting = [facts for facts in meant if not why_not(replacement, facts)]
    return fitting if not finding.sites or len(fitting) == len(meant) else ()


def _with_trials(suggestion: Suggestion, tried: Sequence[Remedy]) -> Suggestion:
    """What to do, and what came of it on a copy of the model."""
    pairs = [(each.metric, f"{each.before:.3g}", f"{each.after:.3g}") for each in tried]
    numbers = [f"{metric} {before} → {after}" for metric, before, after in pairs if before != after]
    if not numbers:
        return suggestion
    told = {
        "en": f" Tried on a copy of the model: {', '.join(numbers)}.",
        "zh": f"已在模型的副本上试过：{'，'.join(numbers)}。",
    }
    return replace(
        suggestion, change={key: text + told.get(key, "") for key, text in suggestion.change.items()}
    )


def _told(replacement: Replacement, options: Options) -> Suggestion:
    ending = _EVALUATE[replacement.exactness]
    return Suggestion(
        name=replacement.name,
        options=options,
        exactness=replacement.exactness,
        change={
            language: text.format_map(options) + ending[language]
            for language, text in replacement.change.items()
        },
    )
