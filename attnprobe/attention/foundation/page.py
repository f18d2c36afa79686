"""docs/attention.md: every attention that we ship, from what its file says of itself."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from importlib import import_module
from typing import Any

from attnprobe.attention import names

_HEADER = """\
# The built-in attentions

Printed by `python -m attnprobe.attention.foundation.page > docs/attention.md`; `attnprobe explain NAME`
prints one of them.

A *core* computes out = f(query, key, value, mask) on [B, H, S, D]; `Attention` puts projections around one.
What a mechanism supports is declared and tested against the declaration; what it does not support is an
error, never ignored.

```python
from attnprobe.attention import Attention, Mask, SlidingWindow

layer = Attention(512, num_heads=8, core=SlidingWindow(256))
layer(x, mask=Mask(is_causal=True))
```
"""


def page() -> str:
    """All of it as Markdown."""
    return "".join((_HEADER, *(section for name in names() for section in _section(name))))


def _section(name: str) -> Iterator[str]:
    module = import_module(f"attnprobe.attention.{name}")
    found: Any = module.attention
    first, _, rest = inspect.cleandoc(module.__doc__ or "").partition("\n")
    yield f"\n## `{found.__name__}`\n\n{first}\n\n```\n{found.__name__}{_signature(found)}\n{rest}\n```\n"
    supports = getattr(found, "supports", None)
    if isinstance(supports, frozenset):
        yield f"\nSupports: {', '.join(sorted(supports))}.\n"


def _signature(found: Any) -> str:
    signature = inspect.signature(found).replace(return_annotation=inspect.Signature.empty)
    return str(signature).replace("'", "")


if __name__ == "__main__":  # python -m attnprobe.attention.foundation.page > docs/attention.md
    print(page(), end="")
