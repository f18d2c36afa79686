"""Correcting a draft by what the model raised on it."""

from __future__ import annotations

import linecache
import re
import traceback
from collections.abc import Iterator, Mapping
from types import FrameType

from attnprobe.loading.inputs.trials import IdOutOfRangeError
from attnprobe.loading.transformers_inputs.draft import Draft, Maker

_FEATURES = re.compile(
    r"(image|video|audio|multimodal)[^.]*?tokens:? (\d+)[^.]*?features:? (\d+)", re.IGNORECASE
)
_IMAGE_SIZE = re.compile(r"doesn't match model \((\d+)\D+(\d+)\)")
_MODALITIES = {"image": "image", "video": "video", "audio": "audio", "multimodal": "image"}


def repaired(draft: Draft, error: BaseException, makers: Mapping[str, tuple[Maker, ...]]) -> bool:
    """Change the draft as the error asks; False when it does not say how."""
    text = str(error)
    return (
        _placeholders(draft, text, makers)
        or _image_size(draft, text, makers)
        or _smaller_ids(draft, error)
        or _missing_argument(draft, error, text, makers)
    )


def _placeholders(draft: Draft, text: str, makers: Mapping[str, tuple[Maker, ...]]) -> bool:
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
    return _again(draft, ("input_ids", "mm_token_type_ids", "token_type_ids", "attention_mask"), makers)


def _image_size(draft: Draft, text: str, makers: Mapping[str, tuple[Maker, ...]]) -> bool:
    match = _IMAGE_SIZE.search(text)
    if match is None or draft.sides == (int(match[1]), int(match[2])):
        return False
    draft.sides = (int(match[1]), int(match[2]))
    return _again(draft, ("pixel_values", "pixel_mask"), makers)


def _smaller_ids(draft: Draft, error: BaseException) -> bool:
    """Ids that the table they are looked up in does not have."""
    if not isinstance(error, IdOutOfRangeError):
        return False
    changed = False
    for name, value in draft.kwargs.items():
        if not value.is_floating_point() and value.numel() and int(value.max()) == error.largest:
            draft.kwargs[name] = value % error.rows
            draft.notes[name] += f", below {error.rows}"
            changed = True
    return changed


def _again(draft: Draft, names: tuple[str, ...], makers: Mapping[str, tuple[Maker, ...]]) -> bool:
    present = [name for name in names if name in draft.kwargs]
    for name in present:
        _add(draft, name, makers)
    return bool(present)


def _missing_argument(
    draft: Draft, error: BaseException, text: str, makers: Mapping[str, tuple[Maker, ...]]
) -> bool:
    """An argument that the message names, or that is None in the line that failed."""
    for name in (*_named_in(text, draft), *_none_in_traceback(error, text, draft)):
        if name in makers and name not in draft.kwargs and name not in draft.refused:
            draft.refused.add(name)
            _add(draft, name, makers)
            return True
    return False


def _add(draft: Draft, name: str, makers: Mapping[str, tuple[Maker, ...]]) -> None:
    made = makers[name][draft.layouts.get(name, 0)](draft)
    if made is not None:
        draft.add(made)


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
