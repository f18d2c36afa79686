"""Which class of transformers a configuration is built as."""

from __future__ import annotations

import copy
import importlib
import inspect
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from torch import nn

from attnprobe.errors import TargetError
from attnprobe.loading.building.user_code import users_code


def class_of(config: Any) -> type[nn.Module]:
    """The class that the configuration names as its architecture, else the base model, else any other.

    Raises:
        TargetError: The installed transformers has no class for this configuration.
    """
    import transformers

    for name in getattr(config, "architectures", None) or ():
        named = getattr(transformers, name, None)
        if inspect.isclass(named) and issubclass(named, nn.Module):
            return named
    found = [*_mapped(config), *_beside(config)]
    own = [kind for kind in found if getattr(kind, "config_class", None) in (None, type(config))]
    if found:
        return (own or found)[0]  # not the class of a part, which reads a part of the configuration
    raise TargetError(
        f"transformers {transformers.__version__} has no model class for {type(config).__name__}",
        hint="Write a factory in a Python file that builds the model, and scan FILE.py:build.",
    )


def build(kind: type[nn.Module], config: Any) -> nn.Module:
    """A model with random weights, in the current default dtype."""
    import torch

    own = copy.deepcopy(config)
    with users_code(f"building {kind.__name__} from its configuration"):
        model: nn.Module = kind._from_config(own, dtype=torch.get_default_dtype())  # type: ignore[attr-defined]
    return model


def load(kind: type[nn.Module], folder: Path) -> nn.Module:
    """The model with the weights of its folder."""
    import torch

    with users_code(f"loading the weights in {folder.name}"):
        model: nn.Module = kind.from_pretrained(  # type: ignore[attr-defined]
            folder, local_files_only=True, trust_remote_code=False, dtype=torch.get_default_dtype()
        )
    return model


def _mapped(config: Any) -> Iterator[type[nn.Module]]:
    """From transformers' own tables: the base model first, then the heads."""
    from transformers.models.auto import modeling_auto

    names = sorted(
        (name for name in vars(modeling_auto) if name.startswith("MODEL_") and name.endswith("MAPPING")),
        key=len,
    )
    for name in names:
        table = getattr(modeling_auto, name)
        if type(config) not in table:
            continue
        with suppress(Exception):  # the table may name a class that the library lacks
            found = table[type(config)]
            yield found[0] if isinstance(found, (tuple, list)) else found


def _beside(config: Any) -> Iterator[type[nn.Module]]:
    """From the module that belongs to the configuration's: every model class made for it."""
    import transformers

    module = type(config).__module__.replace(".configuration_", ".modeling_")
    try:
        found = vars(importlib.import_module(module)).values()
    except ImportError:
        return
    for kind in found:
        if (
            inspect.isclass(kind)
            and issubclass(kind, transformers.PreTrainedModel)
            and kind.config_class is type(config)
        ):
            if kind.__name__.endswith("PreTrainedModel"):
                continue
            yield kind
