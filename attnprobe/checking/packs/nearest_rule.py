"""The rule that somebody may have meant."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import SequenceMatcher

from attnprobe.checking.packs.rule import Rule
from attnprobe.registry import nearest

_LOOKALIKES = str.maketrans({"O": "0", "I": "1", "L": "1", "Z": "2", "S": "5", "B": "8"})
_ALIKE = 0.75


def nearest_rule(word: str, rules: Iterable[Rule], others: Iterable[str] = ()) -> str:
    """`; did you mean 'AP101'?` for "AP1O1" and "AP1011"; the nearest name for a word; or nothing.

    Args:
        word: As it was typed.
        rules: The rules that there are.
        others: Further names that the word may be near to.
    """
    by_id = {rule.id: rule for rule in rules}
    upper = word.upper()
    digits = upper[:2] + upper[2:].translate(_LOOKALIKES)
    if digits in by_id:
        return f"; did you mean '{digits}'?"
    if upper[:1].isalpha() and any(letter.isdigit() for letter in upper):
        best = max(by_id, key=lambda each: _likeness(each, upper), default="")
        if _likeness(best, upper) >= _ALIKE:
            return f"; did you mean '{best}'?"
    return nearest(word.lower(), (*(rule.name for rule in by_id.values()), *others))


def _likeness(one: str, other: str) -> float:
    return SequenceMatcher(None, one, other).ratio()
