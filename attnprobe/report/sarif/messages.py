"""Text in a SARIF file: no braces, which would be placeholders, and no links that we did not make."""

from __future__ import annotations

from typing import Any

from attnprobe.report.judged.plain import told
from attnprobe.report.parts.catalogue import Words

# SARIF 2.1.0, sections 3.11.5 and 3.11.6: "{0}" stands for an argument, "[text](address)" is a link.
_BRACES = str.maketrans("{}", "[]")

JsonObject = dict[str, Any]


def plain(words: Words, language: str) -> str:
    """The text of a plain message: "blocks.{0..23}.attn" becomes "blocks.[0..23].attn"."""
    return without_braces(told(words, language)).replace("](", "] (")


def without_braces(text: str) -> str:
    """The text with brackets for braces."""
    return text.translate(_BRACES)


def message(words: Words, language: str) -> JsonObject:
    """A message object. SARIF wants some text in it."""
    return {"text": plain(words, language) or "–"}
