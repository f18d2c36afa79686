"""What a transformers configuration says about the inputs of its model."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

from torch import nn

from attnprobe.loading.building.arguments import required_of
from attnprobe.loading.inputs.sampling import Sampler
from attnprobe.loading.transformers_inputs.settings import setting

_VISION = ("vision", "image", "visual", "vit", "backbone", "pixel")
_AUDIO = ("audio", "speech", "encoder", "acoustic", "codec")
_POSITIONS = (
    "max_position_embeddings",
    "n_positions",
    "max_seq_len",
    "n_ctx",
    "max_source_positions",
    "max_length",
)


class Facts:
    """A model's configuration, its parts, and the signature of its forward.

    Args:
        module: The model; a base class or one with a head.
        sampler: Gives batch size, length and values.
    """

    def __init__(self, module: nn.Module, sampler: Sampler) -> None:
        self.module = module
        self.sampler = sampler
        self.config: Any = getattr(module, "config", None)
        self.parameters = dict(inspect.signature(module.forward).parameters)
        self.parts = dict(_parts(self.config))
        self.trimmed = 0  # positions that a table of positions keeps for itself

    @property
    def batch_size(self) -> int:
        """Samples."""
        return self.sampler.batch_size

    @property
    def text(self) -> Any:
        """The configuration of the part that reads token ids."""
        getter = getattr(self.config, "get_text_config", None)
        try:
            found = getter() if getter else None
        except (ValueError, AttributeError):
            found = None  # several text parts: the first is the one that reads
        if found is not None and self.size("vocab_size", of=found):
            return found
        return next((part for part in self.parts.values() if self.size("vocab_size", of=part)), self.config)

    @property
    def vision(self) -> Any:
        """The configuration of the part that sees images."""
        return self._part(_VISION, "patch_size", "image_size")

    @property
    def audio(self) -> Any:
        """The configuration of the part that hears."""
        return self._part(_AUDIO, "num_mel_bins", "feature_size", "conv_dim", "input_feat_per_channel")

    def _part(self, names: tuple[str, ...], *tell_tale: str) -> Any:
        if any(setting(self.config, name) is not None for name in tell_tale):
            return self.config
        for wanted in names:
            for name, part in self.parts.items():
                if wanted in name:
                    return part
        return self.config

    def size(self, *names: str, of: Any = None, default: int = 0) -> int:
        """The first of these settings that is a whole number (of a list, its first), else the default."""
        return next(iter(self.sizes(*names, of=of)), default)

    def sizes(self, *names: str, of: Any = None) -> tuple[int, ...]:
        """The first of these settings that is a whole number, or a list of such, as a tuple."""
        holder = self.config if of is None else of
        for name in names:
            value = setting(holder, name)
            values = tuple(value.values()) if isinstance(value, dict) else value
            values = tuple(values) if isinstance(values, (list, tuple)) else (values,)
            if values and all(isinstance(item, int) and not isinstance(item, bool) for item in values):
                return values
        return ()

    def has(self, *names: str) -> bool:
        """Whether the forward takes one of these arguments."""
        return any(name in self.parameters for name in names)

    @property
    def required(self) -> tuple[str, ...]:
        """Arguments of the forward without a default."""
        return tuple(parameter.name for parameter in required_of(self.module.forward))

    @property
    def main(self) -> tuple[str, ...]:
        """What transformers calls the model's main input, where the forward takes it."""
        name = getattr(self.module, "main_input_name", None)
        names = tuple(name) if isinstance(name, (list, tuple)) else (name,) if isinstance(name, str) else ()
        return tuple(item for item in names if item in self.parameters)

    @property
    def seq_len(self) -> int:
        """The length asked for, or the default clipped to the positions that the model has."""
        limit = self.size(*_POSITIONS, of=self.text) or self.size(*_POSITIONS)
        asked = self.sampler.seq_len
        return (asked if self.sampler.is_seq_len_given or limit <= 0 else min(asked, limit)) - self.trimmed

    @property
    def special_ids(self) -> tuple[int, ...]:
        """Ids that mean something else than a token: padding, ends, placeholders of images and sounds."""
        holders = (self.config, self.text, *self.parts.values())
        names = {name for holder in holders for name in _names(holder) if _is_id(name)}
        return tuple({size for holder in holders for name in names for size in self.sizes(name, of=holder)})

    def placeholders(self, *words: str) -> int | None:
        """The id that stands for one feature of an image (video, sound) among the token ids."""
        for holder in (self.config, *self.parts.values()):
            for name in sorted(_names(holder), key=len):
                if _is_id(name) and any(word in name for word in words) and not _is_bracket(name):
                    return self.size(name, of=holder) or None
        return None


def _parts(config: Any, depth: int = 0) -> Iterator[tuple[str, Any]]:
    for name in getattr(config, "sub_configs", None) or ():
        part = getattr(config, name, None)
        if part is not None and depth < 4:
            yield name, part
            yield from _parts(part, depth + 1)


def _names(holder: Any) -> list[str]:
    return list(vars(holder)) if hasattr(holder, "__dict__") else []


def _is_id(name: str) -> bool:
    return name.endswith(("_token_id", "_token_index", "_token_idx", "_token"))


def _is_bracket(name: str) -> bool:
    return any(
        word in name
        for word in ("start", "end", "begin", "bos", "eos", "boi", "eoi", "boa", "eoa", "break", "newline")
    )
