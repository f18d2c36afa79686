"""Rules over facts: findings, and what came of every rule."""

from attnprobe.checking.evaluating.choosing import chosen, matches
from attnprobe.checking.evaluating.evaluate import Evaluated, evaluate, evaluate_subjects
from attnprobe.checking.evaluating.looking import Look, evaluate_facts
from attnprobe.checking.evaluating.subjects import Subject

__all__ = [
    "Evaluated",
    "Look",
    "Subject",
    "chosen",
    "evaluate",
    "evaluate_facts",
    "evaluate_subjects",
    "matches",
]
