"""Targets `timm:NAME`: an architecture of timm, without pretrained weights."""

from __future__ import annotations

import importlib
from typing import Any

from torch import nn

from attnprobe.errors import TargetError
from attnprobe.loading.building.recipe import Loader, Proposal, Proposals, Recipe
from attnprobe.loading.building.user_code import shown, text_of, users_code
from attnprobe.loading.inputs.sampling import Sampler
from attnprobe.records import ScanOptions
from attnprobe.registry import nearest

_PREFIX = "timm:"


def matches(target: str) -> bool:
    """Whether it starts with `timm:`."""
    return target.startswith(_PREFIX)


def recipe(options: ScanOptions) -> Recipe:
    """Look the architecture up; nothing is built yet."""
    timm, name = _timm(), options.target.removeprefix(_PREFIX)
    if not timm.is_model(name.partition(".")[0]):
        known = tuple(timm.list_models())
        raise TargetError(
            f"timm has no model '{shown(name)}'{nearest(name, known)}", hint="timm.list_models() lists them."
        )

    def build() -> nn.Module:
        with users_code(f"building timm's {name}"):
            model: nn.Module = timm.create_model(name, pretrained=False)
            return model

    return Recipe(
        entry=options.target,
        build=build,
        propose=_propose,
        causal=False,
    )


def _timm() -> Any:
    try:
        return importlib.import_module("timm")
    except ModuleNotFoundError as error:
        missing = error.name or "timm"
        if missing == "torchvision":
            raise TargetError(
                "timm needs torchvision, which is not installed",
                hint="pip install --no-deps torchvision in the version for your torch; its Python parts do.",
            ) from error
        raise TargetError(
            f"the package '{missing}' is not installed", hint=f"pip install {missing}"
        ) from error
    except Exception as error:
        raise TargetError(
            f"timm does not import: {text_of(error)}", hint="Reinstall timm and torchvision."
        ) from error


def _propose(module: nn.Module, sampler: Sampler) -> Proposals:
    settings = getattr(module, "pretrained_cfg", None) or {}
    channels, height, width = settings.get("input_size", (3, 224, 224))
    images = sampler.floats(sampler.batch_size, channels, height, width)
    yield Proposal(
        args=(images,),
        notes={"0": f"random pixels of timm's own input size, {channels} x {height} x {width}"},
        is_certain=True,
    )


loader = Loader(forms=("timm:NAME",), matches=matches, recipe=recipe)
