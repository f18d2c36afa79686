"""The parent's side of the process that runs the user's code. Light: no torch here.

    run_job ─ request ─▶ attnprobe.worker (child) ─ progress, then a result or a failure ─▶ run_job

Limits keep accidents away (a hang, a leak, a crash, noise), not malice: whoever scans a model runs its code.
"""

from attnprobe.isolation.limits import Limits
from attnprobe.isolation.supervisor import Progress, run_job

__all__ = ["Limits", "Progress", "run_job"]
