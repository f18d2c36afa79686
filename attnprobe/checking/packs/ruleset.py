"""Which rules are in force, as one short word."""

from __future__ import annotations

import json
from collections.abc import Iterable
from hashlib import sha256

from attnprobe.checking.packs.rule import Rule
from attnprobe.records import Settings


def ruleset_of(rules: Iterable[Rule], settings: Settings) -> str:
    """Hash of every rule's condition and options, and of the settings that change what fires.

    Texts, tests and references are left out: a better sentence is no other rule. So is which rules are
    chosen: a check of some of them is held against the same baseline.

    Returns:
        16 hex digits.
    """
    facts = [
        [r.id, r.level, r.severity, r.when.text, r.applies.when.text if r.applies else "", dict(r.defaults)]
        for r in sorted(rules, key=lambda rule: rule.id)
    ]
    overrides = [[each.match, each.options, each.severity] for each in settings.overrides]
    given = [settings.severity, settings.options, overrides]
    text = json.dumps([facts, given], sort_keys=True, default=dict)
    return sha256(text.encode()).hexdigest()[:16]
