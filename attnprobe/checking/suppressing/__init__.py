"""Ignores: which findings they cover, and what can be said of themselves."""

from attnprobe.checking.suppressing.comments import Inline, inline_ignores
from attnprobe.checking.suppressing.suppressing import Suppressed, suppress
from attnprobe.checking.suppressing.uses import IgnoreUse

__all__ = ["IgnoreUse", "Inline", "Suppressed", "inline_ignores", "suppress"]
