"""A built-in attention explained: what it changes, how safe that is, where it fits, what it costs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attnprobe.commands.explaining.explanation import Explanation, Section
from attnprobe.commands.explaining.words import WORDS
from attnprobe.commands.terminal.sources import docstring
from attnprobe.registry import module_names

if TYPE_CHECKING:
    from attnprobe.records import Replacement

ATTENTIONS = "attnprobe.attention"


def of_attention(name: str, language: str) -> Explanation:
    """A built-in attention of which no rule needs to know: what its file says."""
    text = docstring(f"{ATTENTIONS}.{name}")
    section = Section(name="computes", heading=WORDS[language]["computes"], code=_body(text), syntax="text")
    return Explanation(name=name, title=text.partition("\n")[0].rstrip("."), sections=(section,))


def of_replacement(replacement: Replacement, language: str) -> Explanation:
    """All that there is to say of a built-in attention."""
    words = WORDS[language]
    options = tuple(
        f"{name} = {each.default}" + (f" ({each.low}..{each.high})" if each.low or each.high else "")
        for name, each in replacement.options.items()
    )
    fits = tuple(
        f"{each.when} ({words['else']}{words['colon']}{each.otherwise[language]})"
        for each in replacement.fits
    )
    costs = tuple(f"{metric} = {formula}" for metric, formula in replacement.costs.items())
    change = replacement.change[language]
    for name, each in replacement.options.items():
        change = change.replace("{" + name + "}", str(each.default))
    own = docstring(f"{ATTENTIONS}.{replacement.name}") if replacement.name in attentions() else ""
    sections = (
        Section(name="computes", heading=words["computes"], code=_body(own), syntax="text"),
        Section(name="fix", heading=words["fix"], words=change),
        Section(name="limits", heading=words["limits"], items=options),
        Section(name="fits", heading=words["fits"], items=fits),
        Section(name="costs", heading=words["costs"], items=costs),
        Section(name="references", heading=words["references"], items=(replacement.source,)),
    )
    rows = {words["safety"]: words[replacement.exactness], words["risk"]: replacement.risk}
    if replacement.aliases:
        rows[words["aliases"]] = ", ".join(replacement.aliases)
    return Explanation(
        name=replacement.name,
        title=replacement.title[language],
        rows=rows,
        sections=tuple(each for each in sections if each.words or each.items or each.code),
    )


def attentions() -> tuple[str, ...]:
    """Names of the attentions that we ship."""
    return module_names(ATTENTIONS)


def _body(text: str) -> str:
    """A docstring without its first line."""
    return text.partition("\n")[2].strip("\n")
