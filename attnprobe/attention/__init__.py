"""The attentions that we ship: one mechanism per file, usable on their own.

A *core* computes out = f(query, key, value, mask) on [B, H, S, D]; an *attention module* adds projections,
norms, positions, a cache, and holds a core; composites hold cores or modules.

    from attnprobe.attention import Attention, Mask, SlidingWindow

    layer = Attention(512, num_heads=8, core=SlidingWindow(256))
    layer(x, mask=Mask(is_causal=True))

`SlidingWindow` is the class of `sliding_window.py`: a new file is a new name here.
"""

from __future__ import annotations

import re
from importlib import import_module
from typing import TYPE_CHECKING, Any

from attnprobe.errors import PluginError
from attnprobe.registry import module_names, nearest

if TYPE_CHECKING:
    from attnprobe.attention.foundation.caches import Cache, KeyValueCache
    from attnprobe.attention.foundation.core import Core
    from attnprobe.attention.foundation.masks import Mask
    from attnprobe.attention.foundation.modules import Attention
    from attnprobe.attention.foundation.rotary import Rotary

__all__ = ["Attention", "Cache", "Core", "KeyValueCache", "Mask", "Rotary", "build", "names"]

_HOMES = {
    "Attention": "modules",
    "Cache": "caches",
    "Core": "core",
    "KeyValueCache": "caches",
    "Mask": "masks",
    "Rotary": "rotary",
}  # of the foundation; imported when first used, so that listing the names costs no torch


def names() -> tuple[str, ...]:
    """Names of all mechanisms: the files of this folder."""
    return module_names(__name__)


def build(name: str, **options: Any) -> Any:
    """A core or module by the name of its file: build("sliding_window", window_size=256).

    Raises:
        PluginError: There is no such mechanism; offers the nearest.
    """
    if name not in names():
        raise PluginError(
            f"no attention is named '{name}'{nearest(name, names())}", hint=f"Known: {', '.join(names())}."
        )
    return import_module(f"{__name__}.{name}").attention(**options)


def __getattr__(name: str) -> Any:
    """`SlidingWindow` is what `sliding_window.py` defines as `attention`."""
    if name in _HOMES:
        return getattr(import_module(f"{__name__}.foundation.{_HOMES[name]}"), name)
    file = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
    if name[:1].isupper() and file in names():
        found = import_module(f"{__name__}.{file}").attention
        if found.__name__ == name:
            return found
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted({*__all__, *(import_module(f"{__name__}.{name}").attention.__name__ for name in names())})
