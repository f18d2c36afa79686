"""Budgets: limits of a model's numbers and of their change."""

from attnprobe.checking.budgets.budgets import results
from attnprobe.checking.budgets.values import value_of

__all__ = ["results", "value_of"]
