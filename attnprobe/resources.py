"""Where the data that we ship lies: beside the package when installed, in the checkout otherwise."""

from __future__ import annotations

from pathlib import Path

from attnprobe.errors import InternalError

_PACKAGE = Path(__file__).resolve().parent


def resource_dir(name: str) -> Path:
    """The folder `rules` or `templates`.

    Args:
        name: "rules" or "templates".

    Raises:
        InternalError: Neither the installed nor the checkout's folder exists.
    """
    installed = _PACKAGE / "data" / name
    if installed.is_dir():
        return installed
    checkout = _PACKAGE.parent
    if (checkout / "pyproject.toml").is_file() and (checkout / name).is_dir():
        return checkout / name
    raise InternalError(
        f"the folder '{name}' was not found beside {_PACKAGE}",
        hint="Install attnprobe again: its data files are missing.",
    )
