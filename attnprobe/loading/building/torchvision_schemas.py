"""Letting torchvision import beside a build of torch that its compiled library does not fit.

torchvision is made to work without its compiled operators (its Python parts import, and an operator raises
when it is called), but describes `nms` to torch even when the library that declares it did not load; that
one line makes `import torchvision`, and with it timm and most of transformers' vision models, fail. We
declare the two schemas that it describes. They get no kernel: calling them stays an error.
"""

from __future__ import annotations

import functools
import importlib.util
from contextlib import suppress
from pathlib import Path

import torch

_SCHEMA = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
_libraries: list[torch.library.Library] = []  # schemas live as long as their library object


@functools.cache
def torchvision_importable() -> bool:
    """Declare the missing schemas if torchvision is installed and its library does not load.

    Returns:
        Whether schemas had to be declared.
    """
    spec = importlib.util.find_spec("torchvision")
    folders = list(spec.submodule_search_locations or ()) if spec else []
    if not folders or _library_loads(Path(folders[0])):
        return False
    library = torch.library.Library("torchvision", "FRAGMENT")  # type: ignore[no-untyped-call]
    for name in ("nms", "qnms"):
        if not hasattr(torch.ops.torchvision, name):
            library.define(name + _SCHEMA)  # type: ignore[no-untyped-call]
    _libraries.append(library)
    return True


def _library_loads(folder: Path) -> bool:
    for library in [*folder.glob("_C.*so"), *folder.glob("_C.pyd"), *folder.glob("_C.so")]:
        with suppress(OSError, ImportError):
            torch.ops.load_library(str(library))  # type: ignore[no-untyped-call]
            return True
    return False
