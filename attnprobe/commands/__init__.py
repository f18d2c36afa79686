"""The command line: one command per file of this folder, which defines `command`.

Only this layer turns an error into text and an exit code. Nothing here imports torch.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> None:
    """Run `attnprobe`; leaves the process with the exit code of design.md, section 4."""
    try:
        from attnprobe.commands.terminal.program import run  # late: Ctrl-C is already caught here
    except KeyboardInterrupt:
        sys.exit(130)
    sys.exit(run(sys.argv[1:] if arguments is None else arguments))
