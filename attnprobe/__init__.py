"""attnprobe: find, measure and explain every attention of any PyTorch model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from attnprobe.api import check, load_scan, scan
    from attnprobe.records import Scan

__version__ = "0.1.0.dev0"
__all__ = ["Scan", "__version__", "check", "load_scan", "scan"]

_HOMES = {
    "check": "attnprobe.api",
    "load_scan": "attnprobe.api",
    "scan": "attnprobe.api",
    "Scan": "attnprobe.records",
}


def __getattr__(name: str) -> Any:
    """The public names, imported when first used: `import attnprobe` alone costs nothing."""
    from importlib import import_module

    if name not in _HOMES:
        raise AttributeError(f"module 'attnprobe' has no attribute '{name}'")
    return getattr(import_module(_HOMES[name]), name)
