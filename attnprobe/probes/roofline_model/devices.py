"""The devices of roofline_devices.toml."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from attnprobe.errors import UsageError
from attnprobe.registry import nearest

_FILE = Path(__file__).parent.parent / "roofline_devices.toml"


@dataclass(frozen=True, slots=True)
class Device:
    """Peak rates per second."""

    name: str
    title: str
    bandwidth: float  # bytes
    flops: Mapping[str, float]  # dtype -> FLOPs of dense products
    source: str

    def rate(self, dtype: str) -> float:
        """FLOPs per second in a dtype; float32's for one that the device has no units for.

        float32 means float32: torch uses TF32 only when asked to.
        """
        if dtype.startswith("float8"):
            dtype = "float8"
        return self.flops.get(dtype, self.flops["float32"])


@cache
def devices() -> Mapping[str, Device]:
    """Every device by its short name."""
    return {
        name: Device(name, entry["title"], entry["bandwidth"], entry["flops"], entry["source"])
        for name, entry in _entries().items()
    }


def find_device(name: str) -> Device:
    """The device of a short name; case, spaces, '-' and '_' do not matter.

    Raises:
        UsageError: Nothing of that name; offers the nearest.
    """
    known = {_folded(short): device for short, device in devices().items()}
    found = known.get(_folded(name))
    if found is None:
        raise UsageError(
            f"no device is named '{name}'{nearest(name, tuple(devices()))}",
            hint=f"Known: {', '.join(sorted(devices()))}.",
        )
    return found


def device_of_gpu(title: str) -> Device | None:
    """The device that a driver calls by this name; None for one that is not in the file."""
    for name, entry in _entries().items():
        if title in entry["names"]:
            return devices()[name]
    return None


@cache
def _entries() -> Mapping[str, dict[str, Any]]:
    return tomllib.loads(_FILE.read_text(encoding="utf-8"))


def _folded(name: str) -> str:
    return "".join(letter for letter in name.lower() if letter.isalnum())
