"""The texts of a rule: both languages, and the same placeholders in both."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from attnprobe.checking.expressions import Name
from attnprobe.checking.packs.context import Context, Steps
from attnprobe.checking.packs.form import Bilingual
from attnprobe.checking.packs.names import PLACEHOLDERS
from attnprobe.checking.packs.placeholders import FORMATS, pieces, placeholders
from attnprobe.checking.packs.rule import Evidence
from attnprobe.records import Text
from attnprobe.registry import nearest

_LANGUAGES = ("en", "zh")


def both(text: Bilingual) -> Text:
    """The two as the records have them."""
    return {"en": text.en, "zh": text.zh}


def checked_message(context: Context, evidence: Iterable[Evidence]) -> Text:
    """The message of a rule.

    Raises:
        RuleError: A placeholder of another form, of an unknown name, of a format that does not fit, or one
            that only one of the languages has.
    """
    given = context.form.text.message
    known = _known(context, evidence)
    for language in _LANGUAGES:
        _check(context, ("text", "message", language), getattr(given, language), known)
    english, chinese = placeholders(given.en), placeholders(given.zh)
    if english != chinese:
        differing = sorted({f"{{{name}}}" for name, _ in set(english) ^ set(chinese)})
        raise context.source.fault(
            ("text", "message", "zh"),
            f"other placeholders than in `en`: {', '.join(differing) or 'other counts'}",
        )
    return both(given)


def _known(context: Context, evidence: Iterable[Evidence]) -> Mapping[str, Name]:
    options = {name: Name(kind) for name, kind in context.kinds_of_options().items()}
    own = {each.name: Name("number") for each in evidence if each.value is not None}
    return {**context.vocabulary.names, **options, **own, **PLACEHOLDERS}


def _check(context: Context, steps: Steps, message: str, known: Mapping[str, Name]) -> None:
    try:
        found = pieces(message)
    except ValueError as error:
        raise context.source.fault(steps, f"message: {error}") from None
    for _, name, form in found:
        if name and name not in known:
            raise context.source.fault(steps, f"message: no name '{name}'{nearest(name, known)}")
        if form in FORMATS and form != "label" and known[name].kind != "number":
            raise context.source.fault(
                steps, f"message: {{{name}:{form}}} is for numbers; '{name}' is a {known[name].kind}"
            )
