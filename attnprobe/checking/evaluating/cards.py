"""What a report needs to know of a rule, as it was applied."""

from __future__ import annotations

from typing import Any, cast

from attnprobe.checking.evaluating.choosing import Options
from attnprobe.checking.packs import Rule
from attnprobe.records import RuleCard


def card_of(rule: Rule, options: Options) -> RuleCard:
    """Its card, with the options and the severity that hold for the model as a whole."""
    return RuleCard(
        id=rule.id,
        name=rule.name,
        since=rule.since,
        status=cast(Any, rule.status),  # a removed rule is never applied
        category=rule.category,
        severity=options.severity,
        precision=rule.precision,
        level=rule.level,
        when=rule.when.text,
        options=dict(options.everywhere),
        metrics=rule.metrics,
        exactness=rule.exactness,
        title=rule.title,
        why=rule.why,
        how=rule.how,
        wrong_when=rule.wrong_when,
        references=rule.references,
        pack=rule.pack,
    )
