"""What can be wrong with an expression, when it is read and when it is evaluated."""

from __future__ import annotations


class ExpressionFault(Exception):  # noqa: N818 - the fault is in the text of another, not in ours
    """The text is no expression of ours.

    Args:
        message: What was found and what was expected.
        offset: Of the first wrong character in the text, from 0.
    """

    def __init__(self, message: str, offset: int = 0) -> None:
        super().__init__(message)
        self.message = message
        self.offset = offset


class Missing(Exception):  # noqa: N818 - an outcome, not an error
    """A value that the result hangs on is not known.

    Args:
        names: The facts that are None.
        reason: Why there is no result although every fact is known, "division by zero".
    """

    def __init__(self, names: tuple[str, ...], reason: str = "") -> None:
        super().__init__(names, reason)
        self.names = names
        self.reason = reason

    def with_other(self, other: Missing | None) -> Missing:
        """Both, each name once."""
        if other is None:
            return self
        return Missing(tuple(dict.fromkeys((*other.names, *self.names))), other.reason or self.reason)
