"""The words of the reports, in every language: `templates/strings.json`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from attnprobe.errors import UsageError
from attnprobe.resources import resource_dir

LANGUAGES = ("en", "zh")


@dataclass(frozen=True, slots=True)
class Text:
    """One text in both languages."""

    en: str
    zh: str

    def pick(self, language: str) -> str:
        """The text in one language."""
        return self.zh if language == "zh" else self.en


Words = str | Text  # a plain str is the same in every language: a name, a number


@cache
def strings() -> Mapping[str, Text]:
    """All texts by key."""
    content = (resource_dir("templates") / "strings.json").read_text(encoding="utf-8")
    return {key: Text(entry["en"], entry["zh"]) for key, entry in json.loads(content).items()}


@cache
def titles_in_chinese() -> Mapping[str, str]:
    """Titles of metrics by name: `templates/metric_titles.zh.json`."""
    content = (resource_dir("templates") / "metric_titles.zh.json").read_text(encoding="utf-8")
    titles: dict[str, str] = json.loads(content)
    return titles


def say(key: str, /, **values: Words | int) -> Text:
    """The text under a key, with its placeholders filled.

    A count named `count` chooses between "<key>.one" and "<key>.other" where the catalogue has both.
    """
    known = strings()
    if f"{key}.one" in known:
        key = f"{key}.one" if values.get("count") in (1, "1") else f"{key}.other"
    text = known[key]
    if not values:
        return text
    return Text(*(_filled(text.pick(language), language, values) for language in LANGUAGES))


def say_or(key: str, otherwise: Words) -> Words:
    """The text under a key that the catalogue may lack: names that a plug-in brings."""
    return strings().get(key, otherwise)


def both(words: Words) -> Text:
    """The same words as a text of two languages."""
    return words if isinstance(words, Text) else Text(words, words)


def join(texts: tuple[Words, ...], key: str = "list.comma") -> Text:
    """Texts one after the other, with the separator of each language between them."""
    separator = strings()[key]
    return Text(*(separator.pick(each).join(both(text).pick(each) for text in texts) for each in LANGUAGES))


def check_language(language: str) -> str:
    """The language itself.

    Raises:
        UsageError: We have no words in it.
    """
    if language not in LANGUAGES:
        raise UsageError(f"no report is written in '{language}'", hint=f"Known: {', '.join(LANGUAGES)}.")
    return language


def _filled(text: str, language: str, values: Mapping[str, Words | int]) -> str:
    chosen = {name: v.pick(language) if isinstance(v, Text) else v for name, v in values.items()}
    return text.format_map(chosen)
