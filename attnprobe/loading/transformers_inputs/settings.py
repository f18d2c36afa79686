"""Reading one setting of a configuration."""

from __future__ import annotations

from typing import Any


def setting(config: Any, name: str, default: Any = None) -> Any:
    """The setting, or the default where there is none, or the configuration refuses to tell.

    Configurations whose layers differ raise when one asks for a number that has no single answer.
    """
    try:
        return getattr(config, name, default)
    except Exception:
        return default
