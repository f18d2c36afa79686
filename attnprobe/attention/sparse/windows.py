"""Windows: how far a query sees to both sides, and the rows that follow from it."""

from __future__ import annotations

from torch import Tensor

from attnprobe.attention.foundation.masks import Mask
from attnprobe.attention.sparse.rows import Row, Rule, Span, blocks_of, merged
from attnprobe.errors import ShapeError

_ROW = 96  # queries: more waste pairs at the edges of windows, fewer waste the call (measured, 256 to 1024)


def reach_of(window_size: int, is_causal: bool) -> tuple[int, int]:
    """Keys to the left and to the right of a query that sees `window_size` keys, its own among them."""
    return (window_size - 1, 0) if is_causal else (window_size // 2, (window_size - 1) // 2)


def within(reach: tuple[int, int], mask: Mask) -> tuple[int, int]:
    """The reach that is left under a mask with a window of its own, or with causality."""
    left, right = reach
    if mask.window is not None:
        asked_left, asked_right = mask.window
        left = left if asked_left is None else min(left, asked_left)
        right = right if asked_right is None else min(right, asked_right)
    return left, min(right, 0) if mask.is_causal else right


def window_rows(
    q_len: int, kv_len: int, reach: tuple[int, int], always: tuple[Span, ...] = (), start: int = 0
) -> list[Row]:
    """Rows of a window; `always`: stretches that every query may see besides; `start`: the first query."""
    shift, (left, right) = kv_len - q_len, reach
    rows = []
    for first, last in blocks_of(q_len - start, _ROW):
        near = (first + start + shift - left, last + start + shift + right)
        rows.append(Row(first + start, last + start, merged((*always, near), kv_len)))
    return rows


def window_rule(reach: tuple[int, int]) -> Rule:
    """No key further to the left or right than the reach."""
    left, right = reach
    return lambda query, key: (key >= query - left) & (key <= query + right)


def sink_rule(reach: tuple[int, int], sinks: int, is_causal: bool) -> Rule:
    """The window, and the first keys; none later than the query where attention is causal."""
    near = window_rule(reach)

    def visible(query: Tensor, key: Tensor) -> Tensor:
        seen = near(query, key) | (key < sinks)
        return seen & (key <= query) if is_causal else seen

    return visible


def global_rule(reach: tuple[int, int], global_tokens: int, is_causal: bool) -> Rule:
    """As with sinks, and the first queries see all keys."""
    others = sink_rule(reach, global_tokens, is_causal)

    def visible(query: Tensor, key: Tensor) -> Tensor:
        seen = (query < global_tokens) & (key <= query) if is_causal else query < global_tokens
        return others(query, key) | seen

    return visible


def checked_size(name: str, window_size: int) -> int:
    """A window has at least one key.

    Raises:
        ShapeError: It has none.
    """
    if window_size < 1:
        raise ShapeError(f"{name}: window_size is {window_size}; a window has at least one key")
    return window_size
