"""Writing the files that were planned, each whole or not at all."""

from __future__ import annotations

from collections.abc import Iterable

from attnprobe.commands.beginning.planning import Step
from attnprobe.commands.outputs.requested import Output
from attnprobe.commands.outputs.written import write_outputs
from attnprobe.errors import UsageError


def write(steps: Iterable[Step]) -> tuple[Step, ...]:
    """Write every step that has content.

    Returns:
        Those steps.

    Raises:
        UsageError: A folder cannot be made, or a file cannot be written; then none is.
    """
    todo = tuple(step for step in steps if step.content is not None)
    for step in todo:
        try:
            step.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(f"the folder of {step.name} cannot be made: {error.strerror}") from None
    write_outputs({Output("init", step.path): step.content for step in todo if step.content is not None})
    return todo
