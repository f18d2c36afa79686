"""Compare: two scans of one model become the changes between them, and facts for the rules about change.

    base, head ─ obstacles ─ totals, sites, findings ─ Comparison ─ facts

What cannot be compared is listed with its reason. Never imports torch.
"""

from __future__ import annotations

from attnprobe.comparing.comparison import compare
from attnprobe.comparing.facts import ChangeSubject, change_subjects
from attnprobe.comparing.pairing import paired_times

__all__ = ["ChangeSubject", "change_subjects", "compare", "paired_times"]
