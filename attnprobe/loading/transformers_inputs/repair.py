"""Correcting a draft by what the model raised on it."""

from __future__ import annotations

import linecache
import re
import traceback
from collections.abc import Iterator
from types import FrameType

import torch

from attnprobe.loading.inputs.trials import IdOutOfRangeError
from attnprobe.loading.transformers_inputs.draft import Draft
from attnprobe.loading.transformers_inputs.makers import makers_of
from attnprobe.loading.transformers_inputs.text import MAKERS as TEXT

_FEATURES = re.compile(
    r"(image|video|audio|multimodal)[^.]*?tokens:? (\d+)[^.]*?features:? (\d+)", re.IGNORECASE
)
_REDUCTION = re.compile(r"same reduction dim, but got \[\d+, (\d+)\] X \[(\d+), \d+\]")
_INDEX = re.compile(r"index (\d+) is out of bounds for dimension \d+ with size (\d+)")
_CHANNELS = re.compile(r"to have (\d+) channels, but got (\d+) channels")
_IMAGE_SIZE = re.compile(r"doesn't match model \((\d+)\D+(\d+)\)")
_MODALITIES = {"image": "image", "video": "video", "audio": "audio", "multimodal": "image"}


def repaired(draft: Draft, error: BaseException) -> bool:
    """Change the draft as the error asks; False when it does not say how."""
    text = str(error)
    return (
        _placeholders(draft, text)
        or _image_size(draft, text)
        or _smaller_ids(draft, error)
        or _shorter(draft, error, text)
        or _boolean_masks(draft, text)
        or _missing_argument(draft, error, text)
        or _last_width(draft, text)
        or _transposed(draft, text)
        or _without_cache(draft, text)
    )


def _placeholders(draft: Draft, text: str) -> bool:
    """Put as many placeholders among the ids as the image (clip, sound) has features."""
    match = _FEATURES.search(text)
    if match is None or "input_ids" not in draft.kwargs:
        return False
    facts = draft.facts
    word, count = _MODALITIES[match[1].lower()], int(match[3]) // facts.batch_size
    width = facts.size("hidden_size", of=facts.text)
    if width and count % width == 0:  # some models count numbers, not features
        count //= width
    if count == 0 or draft.features.get(word) == count or facts.placeholders(word) is None:
        return False
    draft.features[word] = count
    return _again(draft, ("input_ids", "mm_token_type_ids", "token_type_ids", "attention_mask"))


def _image_size(draft: Draft, text: str) -> bool:
    match = _IMAGE_SIZE.search(text)
    if match is None or draft.sides == (int(match[1]), int(match[2])):
        return False
    draft.sides = (int(match[1]), int(match[2]))
    return _again(draft, ("pixel_values", "pixel_mask"))


def _smaller_ids(draft: Draft, error: BaseException) -> bool:
    """Ids that the table they are looked up in does not have."""
    if not isinstance(error, IdOutOfRangeError):
        return False
    changed = False
    for name, value in draft.tensors():
        if not value.is_floating_point() and value.numel() and int(value.max()) == error.largest:
            draft.kwargs[name] = value % error.rows
            draft.notes[name] += f", below {error.rows}"
            changed = True
    return changed


def _shorter(draft: Draft, error: BaseException, text: str) -> bool:
    """A table of positions that is too short: the RoBERTa family keeps its first rows for padding."""
    if isinstance(error, IdOutOfRangeError):
        surplus = error.largest - error.rows + 1
    elif match := _INDEX.search(text):
        surplus = int(match[1]) - int(match[2]) + 1
    else:
        return False
    if surplus >= draft.facts.seq_len or draft.facts.sampler.is_seq_len_given:
        return False
    draft.facts.trimmed += surplus
    return _again(draft, tuple(name for name in draft.kwargs if name in TEXT))


def _boolean_masks(draft: Draft, text: str) -> bool:
    """Masks of 0 and 1 where the model wants False and True."""
    masks = [name for name, value in draft.tensors() if "mask" in name and value.dtype is torch.int64]
    if "bool" not in text or not masks:
        return False
    draft.kwargs.update({name: draft.kwargs[name].bool() for name in masks})
    return True


def _last_width(draft: Draft, text: str) -> bool:
    """A floating input whose last dimension is not what the first layer reads."""
    match = _REDUCTION.search(text)
    if match is None:
        return False
    found, asked = int(match[1]), int(match[2])
    for name, value in draft.tensors():
        if value.is_floating_point() and value.dim() > 1 and value.shape[-1] == found:
            draft.kwargs[name] = draft.facts.sampler.floats(*value.shape[:-1], asked)
            draft.notes[name] = f"random values of width {asked} (what the first layer reads)"
            return True
    return False


def _transposed(draft: Draft, text: str) -> bool:
    """[B, S, E] where a convolution wants [B, E, S]."""
    match = _CHANNELS.search(text)
    if match is None:
        return False
    for name, value in draft.tensors():
        if value.dim() == 3 and (value.shape[2], value.shape[1]) == (int(match[1]), int(match[2])):
            draft.kwargs[name] = value.mT.contiguous()
            return True
    return False


def _without_cache(draft: Draft, text: str) -> bool:
    """A cache that the model cannot build from its configuration, as hybrids without attention layers."""
    if ("cache" not in text.lower() and "get_seq_length" not in text) or "use_cache" in draft.kwargs:
        return False
    if not draft.facts.has("use_cache"):
        return False
    draft.kwargs["use_cache"] = False
    return True


def _again(draft: Draft, names: tuple[str, ...]) -> bool:
    present = [name for name in names if name in draft.kwargs]
    for name in present:
        _add(draft, name)
    return bool(present)


def _missing_argument(draft: Draft, error: BaseException, text: str) -> bool:
    """An argument that the message names, or that is None in the line that failed."""
    for name in (*_named_in(text, draft), *_none_in_traceback(error, text, draft)):
        if makers_of(name) and name not in draft.kwargs and name not in draft.refused:
            draft.refused.add(name)
            _add(draft, name)
            return True
    return False


def _add(draft: Draft, name: str) -> None:
    made = makers_of(name)[draft.layouts.get(name, 0)](draft)
    if made is not None:
        draft.add(made, name)


def _named_in(text: str, draft: Draft) -> Iterator[str]:
    for word in re.findall(r"\w+", text):
        if word in draft.facts.parameters:
            yield word


def _none_in_traceback(error: BaseException, text: str, draft: Draft) -> Iterator[str]:
    """Arguments of the forward that are None in a line through which the error passed, innermost first."""
    if "None" not in text:
        return
    for frame, _ in reversed(list(traceback.walk_tb(error.__traceback__))):
        line = set(re.findall(r"\w+", _statement(frame)))
        for name, value in frame.f_locals.items():
            if value is None and name in line and name in draft.facts.parameters:
                yield name


def _statement(frame: FrameType) -> str:
    """The source lines of the expression that a frame was evaluating."""
    positions = list(frame.f_code.co_positions())[frame.f_lasti // 2]
    first, last = positions[0] or frame.f_lineno, positions[1] or frame.f_lineno
    return "".join(linecache.getline(frame.f_code.co_filename, number) for number in range(first, last + 1))
