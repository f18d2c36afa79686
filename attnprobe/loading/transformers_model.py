"""Targets `hf:FOLDER` (a transformers configuration, with the weights beside it) and `hf:MODEL_TYPE`."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from torch import nn

from attnprobe.errors import TargetError
from attnprobe.loading.building.recipe import Loader, Recipe
from attnprobe.loading.building.user_code import described, relative, shown, text_of, users_code
from attnprobe.loading.transformers_inputs.consistency import made_consistent
from attnprobe.loading.transformers_inputs.propose import propose
from attnprobe.records import ScanOptions
from attnprobe.registry import nearest

_PREFIX = "hf:"
_OFFLINE = "HF_HUB_OFFLINE"
_WEIGHTS = ("*.safetensors", "pytorch_model*.bin")


def matches(target: str) -> bool:
    """Whether it starts with `hf:`."""
    return target.startswith(_PREFIX)


def recipe(options: ScanOptions) -> Recipe:
    """Read the configuration; nothing is built, nothing is fetched."""
    name = options.target.removeprefix(_PREFIX)
    transformers = _transformers()
    folder = _folder(name)
    if folder is not None:
        return recipe_of_config(
            _config_of(transformers, folder), f"hf:{relative(folder)}", weights=_weights_in(folder)
        )
    known = transformers.CONFIG_MAPPING
    if name not in known:
        raise TargetError(
            f"'{shown(name)}' is neither a folder here nor a model type of transformers"
            f"{nearest(name, tuple(known))}",
            hint="Nothing is downloaded: give a folder with config.json, or a type such as hf:llama.",
        )
    with users_code(f"the default configuration of '{name}'"):
        config = known[name]()
    changes = made_consistent(config)
    return recipe_of_config(config, options.target, guessed=changes)


def recipe_of_config(
    config: Any, entry: str, *, weights: Path | None = None, guessed: tuple[str, ...] = ()
) -> Recipe:
    """The recipe of the model that a configuration describes.

    Args:
        config: A transformers configuration; it is not changed.
        entry: How the target is shown.
        guessed: Sentences about the configuration itself.
        weights: The folder whose weights the real model gets; None for random ones.
    """
    from attnprobe.loading.transformers_inputs.classes import build, class_of, load

    kind = class_of(config)
    dtype = str(getattr(config, "dtype", None) or "float32").removeprefix("torch.")
    if weights is None:
        guessed = (*guessed, "The weights are random: there are none beside the configuration.")
    real: Callable[[], nn.Module] | None = None
    if weights is not None:
        folder = weights
        real = lambda: load(kind, folder)  # noqa: E731
    return Recipe(
        entry=f"{entry} ({kind.__name__})",
        build=lambda: build(kind, config),
        build_real=real,
        propose=propose,
        dtype=dtype,
        is_small=False,
        guessed=guessed,
    )


def _transformers() -> Any:
    try:
        with _offline():
            import transformers
    except ModuleNotFoundError as error:
        raise TargetError(
            f"hf: targets need the package '{error.name}', which is not installed",
            hint="pip install 'attnprobe[models]'",
        ) from error
    except Exception as error:
        raise TargetError(f"transformers does not import: {text_of(error)}", hint="Reinstall it.") from error
    return transformers


@contextmanager
def _offline() -> Iterator[None]:
    """The hub's client reads this setting once, when it is imported."""
    before = os.environ.get(_OFFLINE)
    os.environ[_OFFLINE] = "1"
    try:
        yield
    finally:
        del os.environ[_OFFLINE]
        if before is not None:
            os.environ[_OFFLINE] = before


def _folder(name: str) -> Path | None:
    path = Path(name)
    try:
        if path.name == "config.json" and path.is_file():
            return path.parent
        if path.is_dir():
            return path
    except (OSError, ValueError) as error:
        raise TargetError(f"hf:{shown(name)} cannot be opened: {text_of(error)}") from error
    return None


def _config_of(transformers: Any, folder: Path) -> Any:
    if not (folder / "config.json").is_file():
        raise TargetError(
            f"{relative(folder)} has no config.json", hint="Give the folder that save_pretrained() wrote."
        )
    try:
        return transformers.AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except Exception as error:
        raise TargetError(
            f"transformers {transformers.__version__} does not read {relative(folder)}/config.json: "
            f"{described(error)}",
            hint="A model whose code is in the folder itself is scanned as a Python file: FILE.py:ENTRY.",
        ) from error


def _weights_in(folder: Path) -> Path | None:
    return folder if any(True for pattern in _WEIGHTS for _ in folder.glob(pattern)) else None


loader = Loader(forms=("hf:FOLDER", "hf:MODEL_TYPE"), matches=matches, recipe=recipe)
